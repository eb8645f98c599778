import CShims

#if os(Linux)
    import PlatformLinux
#elseif os(Windows)
    import PlatformWindows
#endif

exit(AgentProgram.main(CommandLine.arguments))
