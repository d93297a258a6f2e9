"""Completions of one program for bash, zsh and fish."""

from __future__ import annotations

from program_help import Command, all_commands


def is_file(option: str) -> bool:
    return option.endswith(("-path", "-file", "-dir", "--config"))


def bash(name: str, root: Command) -> str:
    function = "_" + name.replace("-", "_")
    lines = [f"# bash completion for {name}", f"{function}() {{", "  local word previous command i words",
             '  word=${COMP_WORDS[COMP_CWORD]}', '  previous=${COMP_WORDS[COMP_CWORD-1]}', "  COMPREPLY=()", '  command=""']
    known = " | ".join(sorted({word for one in all_commands(root) for word in one.words}))
    lines += ["  for ((i = 1; i < COMP_CWORD; i++)); do", f"    case ${{COMP_WORDS[i]}} in {known}) command=\"$command ${{COMP_WORDS[i]}}\" ;; esac",
              "  done", "  case $previous in"]
    names = sorted({each for one in [root, *all_commands(root)] for option in one.options if option.takes_value for each in option.names})
    files = [each for each in names if is_file(each)]
    lines += [f"    {' | '.join(files)}) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\")); return ;;",
              f"    {' | '.join(each for each in names if each not in files)}) return ;;", "  esac", '  case "$command" in']
    for one in [root, *[group for group in root.subcommands if group.subcommands], *all_commands(root)]:
        choices = [sub.words[-1] for sub in one.subcommands] + one.actions + [each for option in one.options for each in option.names]
        label = '""' if not one.words else f'" {" ".join(one.words)}"'
        lines.append(f"    {label}) words=\"{' '.join(choices)}\" ;;")
    lines += ['    *) words="" ;;', "  esac", '  COMPREPLY=($(compgen -W "$words" -- "$word"))', "}", f"complete -F {function} {name}", ""]
    return "\n".join(lines)


def zsh_quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def zsh_arguments(command: Command, indent: str) -> list[str]:
    lines = []
    for option in command.options:
        value = (":file:_files" if is_file(option.names[-1]) else ":value: ") if option.takes_value else ""
        lines += [f"{indent}'{each}[{zsh_quote(option.help)}]{value}' \\" for each in option.names]
    if command.actions:
        lines.append(f"{indent}'1:action:({' '.join(command.actions)})' \\")
    return lines


def zsh(name: str, root: Command) -> str:
    function = "_" + name.replace("-", "_")
    lines = [f"#compdef {name}", f"{function}() {{", "  local curcontext=$curcontext state line", "  _arguments -C \\", *zsh_arguments(root, "    "),
             f"    '1:command:({' '.join(sub.words[0] for sub in root.subcommands)})' '*::argument:->rest'", "  case $state:$line[1] in"]
    for command in root.subcommands:
        lines += [f"    rest:{command.words[0]})"]
        if command.subcommands:
            lines += [f"      _arguments '1:command:({' '.join(sub.words[-1] for sub in command.subcommands)})' \\"]
            lines += [line for sub in command.subcommands for line in zsh_arguments(sub, "        ") if "--help" not in line and "'-h[" not in line]
        else:
            lines += ["      _arguments \\", *zsh_arguments(command, "        ")]
        lines += ["        '*:file:_files'", "      ;;"]
    return "\n".join([*lines, "  esac", "}", f'{function} "$@"', ""])


def fish(name: str, root: Command) -> str:
    def quote(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    lines = [f"# fish completion for {name}", f"complete -c {name} -f"]
    for command in [root, *root.subcommands, *[sub for group in root.subcommands for sub in group.subcommands]]:
        condition = "__fish_use_subcommand" if not command.words else "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.words)
        start = f"complete -c {name} -n {quote(condition)}"
        for sub in command.subcommands:
            lines.append(f"{start} -a {sub.words[-1]} -d {quote(sub.summary)}")
        if command.actions:
            lines.append(f"{start} -a {quote(' '.join(command.actions))}")
        for option in command.options:
            names = " ".join(f"-l {each[2:]}" if each.startswith("--") else f"-s {each[1:]}" for each in option.names)
            value = (" -r -F" if is_file(option.names[-1]) else " -x") if option.takes_value else ""
            lines.append(f"{start} {names}{value} -d {quote(option.help)}")
    return "\n".join([*lines, ""])
