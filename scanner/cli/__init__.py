"""The command line: arguments -> request -> app -> exit code, nothing else.

commands   run, collect, evaluate and report; every other command is one file, loaded when it is named
options    the options that commands share          exits      exit codes, errors, closed output streams
requests   options and audit.yaml -> requests       progress   what is printed while evidence is read
"""

from scanner.cli.commands import main

__all__ = ["main"]
