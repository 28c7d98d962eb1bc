"""What `--help` and the manual page say of the commands, and how both are laid out."""
