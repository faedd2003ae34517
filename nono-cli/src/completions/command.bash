
# Behind -- stands a command line of its own.
_nono_or_command() {
    local at
    for ((at = 1; at < COMP_CWORD; at++)); do
        [[ ${COMP_WORDS[at]} == -- ]] || continue
        if declare -F _command_offset >/dev/null; then
            _command_offset $((at + 1))
        elif ((at + 1 == COMP_CWORD)); then
            COMPREPLY=($(compgen -c -- "${COMP_WORDS[COMP_CWORD]}"))
        else
            # Nothing here: the default of the shell, which is files.
            COMPREPLY=()
        fi
        return
    done
    _nono "$@"
}
complete -F _nono_or_command -o bashdefault -o default nono
