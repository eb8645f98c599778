@echo off
rem Installs the agent, or a newer version over it, also while it runs. For administrators.
rem
rem   install.bat               install it and (re)start it
rem   install.bat only_update   put the files in place; what runs goes on until the next restart
rem   install.bat restart       restart it; tasks that run go on
rem
rem The program is the tat_agent.exe beside this script.
setlocal
set "here=%~dp0"
set "folder=%SystemDrive%\Program Files\QCloud\tat_agent"
set "agent=%folder%\tat_agent.exe"
set "service=tatsvc"
rem Not another program of that name, as some add to the path.
set find="%SystemRoot%\System32\find.exe"

if "%~1"=="" goto install
if "%~1"=="install" goto install
if "%~1"=="only_update" goto only_update
if "%~1"=="restart" goto restart
echo usage: install.bat [only_update ^| restart] 1>&2
exit /b 2

:install
call :put_files || exit /b 1
call :restart_service || exit /b 1
exit /b 0

:only_update
call :put_files || exit /b 1
exit /b 0

:restart
call :restart_service || exit /b 1
exit /b 0

:put_files
rem Says so if it does not run here, before anything was touched.
"%here%tat_agent.exe" --version
if errorlevel 1 goto not_runnable
if not exist "%folder%" md "%folder%"
copy /y "%here%tat_agent.exe" "%agent%.new" >nul
if errorlevel 1 goto not_writable
rem A program that runs cannot be replaced, but renamed. What ran under an old name goes when nothing runs it any more.
del /q "%agent%.old*" >nul 2>&1
set "old=%agent%.old%random%%random%"
if exist "%agent%" move /y "%agent%" "%old%" >nul
if exist "%agent%" goto not_renamed
move /y "%agent%.new" "%agent%" >nul
if not exist "%agent%" goto not_placed
del /q "%agent%.old*" >nul 2>&1
if /i not "%here%"=="%folder%\" copy /y "%here%uninstall.bat" "%folder%\uninstall.bat" >nul 2>&1
call :register_service || exit /b 1
echo installed in %folder%
exit /b 0

:not_runnable
echo "%here%tat_agent.exe" does not run here 1>&2
exit /b 1

:not_writable
echo %folder% cannot be written to: run this as an administrator 1>&2
exit /b 1

:not_renamed
del /q "%agent%.new" >nul 2>&1
echo %agent% cannot be renamed 1>&2
exit /b 1

:not_placed
move /y "%old%" "%agent%" >nul
echo %agent% cannot be put in place 1>&2
exit /b 1

:register_service
sc query %service% >nul 2>&1
if errorlevel 1 goto create_service
sc config %service% binPath= "\"%agent%\"" start= auto >nul 2>&1
goto describe_service
:create_service
sc create %service% binPath= "\"%agent%\"" start= auto DisplayName= "TAT Agent" >nul
if errorlevel 1 goto not_created
:describe_service
sc description %service% "Runs what the TAT service asks of this machine." >nul 2>&1
rem Started again whenever it ends other than by being stopped; it asks for a restart that way, too.
sc failure %service% reset= 86400 actions= restart/1000/restart/5000/restart/60000 >nul 2>&1
sc failureflag %service% 1 >nul 2>&1
rem Any text for events 1 to 1000.
set "events=HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\%service%"
reg add "%events%" /f /v EventMessageFile /t REG_EXPAND_SZ /d "%%SystemRoot%%\System32\EventCreate.exe" >nul 2>&1
reg add "%events%" /f /v TypesSupported /t REG_DWORD /d 7 >nul 2>&1
exit /b 0

:not_created
echo the service %service% cannot be created: run this as an administrator 1>&2
exit /b 1

:restart_service
call :stop_service
sc start %service% >nul
if errorlevel 1 goto not_started
rem A machine that is still being set up starts it only then: 3 minutes at the most.
set /a tries=200
:starting
sc query %service% | %find% "RUNNING" >nul && goto started
sc query %service% | %find% "STOPPED" >nul && goto not_started
set /a tries-=1
if %tries% leq 0 goto not_started
call :pause
goto starting
:started
echo started
exit /b 0

:not_started
echo the service %service% does not start: see %folder%\log\tat_agent.log 1>&2
exit /b 1

:stop_service
sc query %service% | %find% "STOPPED" >nul && exit /b 0
sc stop %service% >nul 2>&1
set /a tries=30
:stopping
sc query %service% | %find% "STOPPED" >nul && exit /b 0
set /a tries-=1
if %tries% leq 0 exit /b 1
call :pause
goto stopping

:pause
rem One second, also where there is no console.
ping -n 2 127.0.0.1 >nul
exit /b 0
