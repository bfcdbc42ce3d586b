# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion for taskpackerctl, which itself knows what may come next.

function __taskpackerctl_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor)
    for answer in (command $words[1] __complete $words[2..-1] $current 2>/dev/null)
        if test $answer = :files
            set -l parts (string match --regex '^(.*?=)?(.*)$' -- $current)
            for file in (__fish_complete_path $parts[-1])
                printf '%s%s\n' (string match --regex '^.*?=' -- $current) $file
            end
        else
            printf '%s\n' $answer
        end
    end
end

complete --command taskpackerctl --no-files --arguments '(__taskpackerctl_complete)'
