import CShims

exit(Hub.main(CommandLine.arguments))
