#if os(Linux)
    import CShims
    import PlatformLinux

    exit(AgentProgram.main(CommandLine.arguments))
#endif
