"""The simulated organisation: a moto server on loopback that answers as AWS would.

Nothing outside this package knows that it exists: the ordinary scanner is pointed at it by
AWS_ENDPOINT_URL. Inside, top to bottom:

    command        `audit demo`: serve, then run the ordinary `audit run` in a subprocess
    serve          start, stop, endpoint, environment
    story/         what is planted (production, development, central, ...), in plain words
    estate/        the verbs of planting: vault, plan, volume, recovery point
    server/        one request: who calls, may it, who answers, which page; where moto's answer is not AWS's
    backup/        what moto's AWS Backup lacks
    services/      services that moto lacks
    wire/          protocols: request to call, answer to bytes, pages
    clock          moto's clock, standing still while the organisation is built
"""
