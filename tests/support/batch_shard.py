"""A process that does one shard of a batch run on a shared account."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from ghmodels_async import Clock, GitHubModels
from ghmodels_async.batch import Shard, run_batch
from ghmodels_async.limits import GateOptions


async def main(order: dict[str, Any]) -> None:
    client = GitHubModels(
        order["token"],
        base_url=order["base_url"],
        plan=order["plan"],
        limits=GateOptions(margin=order["margin"]),
        shared=True,
        clock=Clock(order["scale"]),
    )
    async with client:
        summary = await run_batch(
            client,
            order["rows"],
            run_dir=order["run_dir"],
            models=tuple(order["models"]),
            shard=Shard.parse(order["shard"]),
        )
    counts = {"done": summary.progress.done, "failed": summary.progress.failed, "stopped": summary.stopped}
    print(json.dumps({**counts, "refused": client.usage.rate_limited}))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
