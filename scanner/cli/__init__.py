"""The command line: arguments -> request -> app -> exit code, nothing else.

commands   the commands and their options        exits      exit codes, and errors as one sentence
options    the options that commands share       progress   what is told while evidence is read
requests   options and audit.yaml -> requests    summary    the table at the end
"""

from scanner.cli.commands import main

__all__ = ["main"]
