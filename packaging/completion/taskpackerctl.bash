# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for taskpackerctl, which itself knows what may come next.

_taskpackerctl() {
    local words=() line=$COMP_LINE i each current text prefix answer quoted=

    # bash breaks words at = : and @ too, which ids and parameters have; what no blank parts is one word.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        each=${COMP_WORDS[i]}
        if ((i == 0)) || [[ $line == [[:blank:]]* ]]; then words+=("$each"); else words[-1]+=$each; fi
        line=${line#"${line%%[![:blank:]]*}"}
        line=${line#"$each"}
    done
    # As the command would get them: without backslashes and the quotes around a word.
    for i in "${!words[@]}"; do
        each=${words[i]#[\"\']}
        ((i == ${#words[@]} - 1)) || each=${each%[\"\']}
        words[i]=${each//\\/}
    done
    current=${words[-1]}
    # What readline keeps of the word: all up to the last character at which it breaks, which in quotes it does not.
    # An @ it takes for the beginning of a host name, and replaces with the rest.
    [[ ${COMP_WORDS[COMP_CWORD]} != [\"\']* ]] || quoted=yes
    prefix=
    for ((i = ${#current} - 1; i >= 0; i--)); do
        if [[ ! $quoted && ${current:i:1} == [=:@] && $COMP_WORDBREAKS == *"${current:i:1}"* ]]; then
            prefix=${current:0:i+1}
            prefix=${prefix%@}
            break
        fi
    done

    COMPREPLY=()
    while IFS= read -r answer; do
        text=${answer%%$'\t'*}
        if [[ $text == :files ]]; then
            compopt -o filenames
            [[ $quoted && $current == *=* ]] && text=${current%%=*}= || text=
            mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -P "$text" -f -- "${current#*=}")
            continue
        fi
        [[ $text != *= ]] || compopt -o nospace
        text=${text#"$prefix"}
        [[ $quoted ]] || printf -v text %q "$text"
        COMPREPLY+=("$text")
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
}

complete -F _taskpackerctl taskpackerctl
