/// What `tat_hub --help` says.
enum Help {
    static let text = """
        tat_hub - a local control plane for tat_agent: for demos, tests and labs; not for production

        usage:
          tat_hub serve [--listen ADDR:PORT] [--state DIR]
              Serves agents (invoke API: POST /, notify channel: /ws) and the commands below (/hub/...).
              Default address: \(Hub.defaultAddress); port 0 takes a free one. Ends at SIGTERM or SIGINT.
          tat_hub run [OPTION]... [--] SCRIPT...
              Runs a script on an agent and prints its output as it arrives. SCRIPT is the rest of the words,
              joined by spaces, or - to read it from standard input.
                --user USER        run it as USER (default: the agent's own user)
                --dir DIR          in this directory
                --timeout SECONDS  at most so long (default: 60)
                --env NAME=VALUE   set in front of the script by an export line: for shell scripts, not for those
                                   that begin with #!
                --agent ID         on this agent (default: the only one, or the one seen last)
                --type TYPE        SHELL (default), POWERSHELL or BAT
                --wait SECONDS     how long to wait for an agent when there is none (default: 30)
                --detach           print the task's id and do not wait for its end
              An interrupt (Ctrl-C) cancels the task, a second one leaves at once.
          tat_hub tasks [--json]            the newest tasks
          tat_hub show ID [--json]          everything about a task
          tat_hub cancel ID
          tat_hub agents [--json]
          tat_hub misbehave ACTION HOW [--count N] [--before|--after] [--code CODE] [--agent ID]
              Does N (default: 1; -1: for ever) requests of ACTION wrong, ACTION being a name such as UploadTaskLog,
              or * for any. HOW: statusNNN html error reset stall close half malformed huge; ok ends it.
              --before (default): the request is not processed; --after: it is, and its answer is lost.
              ACTION ws is the notify channel. HOW: reset close stall refuse drop.
          tat_hub misbehave --clear
          tat_hub --help | --version

        Each command but --help and --version takes --state DIR. Default: $TAT_HUB_STATE, else
        $XDG_RUNTIME_DIR/tat_hub, else /tmp/tat_hub-UID.

        exit codes of run:
          the script's own; 255 when it has none
          2    wrong usage
          69   the hub cannot be reached, or there is no agent
          124  the script ran out of time
          125  the script could not be started
          130  left by a second interrupt, the task may go on
          143  the task was cancelled

        """
}
