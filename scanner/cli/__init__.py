"""The command line: arguments -> request -> app -> exit code, nothing else.

commands   run, collect, evaluate and report        exits      exit codes, and errors as one sentence
lazy       the other commands: a file for each      progress   what is told while evidence is read
options    the options that commands share          summary    the table at the end
requests   options and audit.yaml -> requests       destination, former   folders and places in S3
"""

from scanner.cli.commands import main

__all__ = ["main"]
