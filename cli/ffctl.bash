# Completion of ffctl for bash. What there is to complete is asked of ffctl itself.

_ffctl_commands() {
    ffctl --help 2>/dev/null | sed -n 's/^  \([a-z-]\{1,\}\) .*/\1/p'
}

_ffctl_options() {
    ffctl ${1:+"$1"} --help 2>/dev/null | grep -o -e '--[a-z][a-z-]*' | sort -u
}

# Names of processes and worker hosts; nothing where no daemon answers.
_ffctl_processes() {
    ffctl tree 2>/dev/null | sed -n 's/^  *\([^ ]\{1,\}\) .*/\1/p'
}

# Executions that wait, and what one waits for.
_ffctl_suspended() {
    ffctl suspended 2>/dev/null | grep -o '^{fp:[0-9]*}:[0-9a-f-]*'
}

_ffctl_executions() {
    ffctl ls 2>/dev/null | grep -o '^{fp:[0-9]*}:[0-9a-f-]*'
}

_ffctl_waitpoints() {
    ffctl waitpoints "$1" 2>/dev/null | grep -o '^[0-9a-f]\{8\}-[0-9a-f-]*'
}

_ffctl_scanners() {
    grep -o '[a-z_]*' <<<"lease_expiry delayed_promoter attempt_timeout execution_deadline
        suspension_timeout pending_wp_expiry unblock dependency_reconciler cancel_reconciler
        edge_cancel_dispatcher edge_cancel_reconciler flow_projector index_reconciler budget_reset
        budget_reconciler quota_reconciler retention_trimmer worker_registry_sweep"
}

_ffctl_lanes() {
    ffctl lane ls 2>/dev/null | sed -n '2,$s/^ *\([^ ]\{1,\}\) .*/\1/p'
}

_ffctl_states() {
    ffctl ops read_execution_state 2>/dev/null | grep -o '[a-z_]*|[a-z_|]*' | tr '|' '\n'
}

_ffctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev= command= i words=

    COMPREPLY=()
    ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | -t | --socket | --timeout) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $prev in
    -s | --socket | -i | --input | --policy | --token-file | --secret-file)
        COMPREPLY=($(compgen -f -- "$cur"))
        return
        ;;
    -S | --state) words=$(_ffctl_states) ;;
    -t | --timeout | -l | --lane | -n | --namespace | -d | --delay | --deadline | -p | --priority | \
        --partition | --key | --tag | -g | --grace | --encoding | --input-json | -k | --kind | -m | --limit | \
        --by | --interval | --count | --reason | --lease | --worker | --name | --category | --correlation | -f | --source | -H | --hard | --soft | --mode | -e | \
        --every | -c | --scope | --rate | --window | --concurrent | --jitter | --dimension)
        return
        ;;
    *)
        if [[ $cur == -* ]]; then
            words=$(_ffctl_options "$command")
        elif [[ -z $command ]]; then
            words=$(_ffctl_commands)
        elif [[ $command == @(call|ops) && $prev == "$command" ]]; then
            words=$(ffctl ops --names 2>/dev/null)
        elif [[ $command == @(restart|stop|start|scale) && $prev == "$command" ]]; then
            words=$(_ffctl_processes)
        elif [[ $command == events && $prev == "$command" ]]; then
            words="lease_history completion signal_delivery instance_tags operator worker_registry"
        elif [[ $command == log-level && $prev == "$command" ]]; then
            words="error warn info debug trace"
        elif [[ $command == log-level ]]; then
            words="supervisor $(_ffctl_processes)"
        elif [[ $command == secrets && $prev == "$command" ]]; then
            words="list rotate"
        elif [[ $command == @(signal|approve|waitpoints) && $prev == "$command" ]]; then
            words=$(_ffctl_suspended)
        elif [[ $command == @(signal|approve) && $prev == *{fp:*}:* ]]; then
            words=$(_ffctl_waitpoints "$prev")
        elif [[ $command == flow && $prev == "$command" ]]; then
            words="submit show watch cancel ls graph"
        elif [[ $command == lane && $prev == "$command" ]]; then
            words="ls pause resume drain disable"
        elif [[ $command == lane ]]; then
            words=$(_ffctl_lanes)
        elif [[ $command == budget && $prev == "$command" ]]; then
            words="create show usage spend reset"
        elif [[ $command == quota && $prev == "$command" ]]; then
            words="create show check release"
        elif [[ $command == @(get|result|wait|logs|why|history|cancel|replay|retry|priority|revoke) ]]; then
            words=$(_ffctl_executions)
        elif [[ $command == scan && $prev == "$command" ]]; then
            words=$(_ffctl_scanners)
        fi
        ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -F _ffctl ffctl
