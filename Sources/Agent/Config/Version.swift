/// The agent's version, as it tells the service and as `--version` prints it.
public let agentVersion = "2.0.0"
