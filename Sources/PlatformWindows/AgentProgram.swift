import Agent
import CShims

/// `tat_agent` on Windows: what its command line asks for.
public enum AgentProgram {
    /// Runs the program to its end. The process' exit code.
    public static func main(_ arguments: [String]) -> Int32 {
        print("tat_agent \(agentVersion)")
        return 0
    }
}
