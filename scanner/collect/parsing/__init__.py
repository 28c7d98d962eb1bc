"""Reading answers: what botocore's own parsers read, at a tenth of their cost, times as RFC 3339 text.

botocore walks every answer shape by shape and parses each time with dateutil. Here a body is decoded
once, in C, and only what needs converting is touched, by functions that are made once per shape. An
answer that is in any way unusual goes to botocore's own parser, so that it decides, and fails, alike.
"""
