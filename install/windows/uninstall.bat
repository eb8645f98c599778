@echo off
rem Stops and removes the agent. Tasks that run go on to their end, but nobody reports it. For administrators.
rem
rem   uninstall.bat           keep the configuration, the log and the records of tasks
rem   uninstall.bat /purge    remove these, too
setlocal
set "folder=%SystemDrive%\Program Files\QCloud\tat_agent"
set "service=tatsvc"
rem Not another program of that name, as some add to the path.
set find="%SystemRoot%\System32\find.exe"
if "%~1"=="" goto begin
if /i "%~1"=="/purge" goto begin
echo usage: uninstall.bat [/purge] 1>&2
exit /b 2

:begin
sc query %service% >nul 2>&1
if errorlevel 1 goto remove
sc stop %service% >nul 2>&1
set /a tries=30
:stopping
sc query %service% | %find% "STOPPED" >nul && goto stopped
set /a tries-=1
if %tries% leq 0 goto not_stopped
ping -n 2 127.0.0.1 >nul
goto stopping
:stopped
sc delete %service% >nul
if errorlevel 1 goto not_deleted
reg delete "HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\%service%" /f >nul 2>&1

:remove
rem The supervisor of a task that runs still has its program open: that stays until somebody calls this again.
del /q "%folder%\tat_agent.exe*" >nul 2>&1
if /i not "%~1"=="/purge" goto done
rd /s /q "%folder%\log" >nul 2>&1
rd /s /q "%folder%\state" >nul 2>&1
del /q "%folder%\config.dat" >nul 2>&1
:done
echo removed
rem In one line, as this file may be in there and is read bit by bit.
del /q "%folder%\uninstall.bat" >nul 2>&1 & rd "%folder%" >nul 2>&1 & exit /b 0

:not_stopped
echo the service %service% does not stop 1>&2
exit /b 1

:not_deleted
echo the service %service% cannot be deleted: run this as an administrator 1>&2
exit /b 1
