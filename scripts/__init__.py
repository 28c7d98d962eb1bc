"""What a maintainer runs by way of the Makefile."""
