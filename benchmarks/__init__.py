"""What this library costs beside the floor and beside its peers, measured on the machine you run it on.

    make bench                                             everything, at most ten minutes; rewrites docs/performance.md
    python -m benchmarks.chat --peers openai,azure,aiohttp one reply per call
    python -m benchmarks.streaming                         streams over sockets
    python -m benchmarks.resources                         memory, start-up, the batch engine
    python -m benchmarks.guard                             ratios only, half a minute: what CI runs
    python -m benchmarks.endurance                         a million chats and what the process weighs meanwhile
    python -m benchmarks.limiter | ledger | stream | partial_json   one part alone, in memory

How it is measured. A server written in C (stub.c) runs on the last core, the client under test on the first, each
client in a process of its own. Rounds are interleaved: each round runs every client once, so that a slow minute hits
all alike. What counts is the client process's CPU time, all threads included; tables show the median of the rounds and
their spread. The server's share of its core is shown too: well below 100 % it cannot be what is measured.
"""
