#!/bin/sh
# AWS Lambda sets AWS_LAMBDA_RUNTIME_API: there, the image answers events. Everywhere else it is the command `audit`.
if [ -n "${AWS_LAMBDA_RUNTIME_API:-}" ]; then
    exec python -m awslambdaric scanner.lambda_handler.handler
fi
exec audit "$@"
