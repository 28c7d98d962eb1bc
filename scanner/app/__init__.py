"""The commands, each from top to bottom in one place.

    collect   AWS -> evidence bundle                                                        (`collection`)
    evaluate  evidence -> inventory -> control plane -> facts -> findings -> reports        (`judgement`)
    report    a judged scan -> reports                                                      (`reports`)
    explain   a judged scan -> the protection chain of one subject                          (`reports`)
    notify    a judged scan -> an event, a message, findings in Security Hub             (`notification`)

`audit run` is the first two, one after the other. The evidence is read twice, shard by shard: first for the
control plane, and for rows that other shards need (spilled to disk), then for the facts (`judging`, on one
process or several). Memory holds one shard a process. Controls are evaluated on the facts of all shards.

Collecting loads no database and no report, judging no AWS client.
"""

from typing import Final

TOOL: Final = "vaultproof"
FINDINGS: Final = "findings.jsonl.gz"
"""The file that holds all findings of a scan, one a line."""
