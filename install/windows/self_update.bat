@echo off
rem What the agent runs out of an update that it has unpacked: puts the files in place. It restarts itself later.
call "%~dp0install.bat" only_update
exit /b %errorlevel%
