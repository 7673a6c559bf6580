"""Make one picture with BFL's own client, unchanged.

    python official_client_run.py BASE_URL KEY ENDPOINT PROMPT OUTPUT_PATH

It runs in a virtual environment of its own, because that client wants an old Pillow.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import requests
from blackforest import BFLClient
from blackforest.types.general.client_config import ClientConfig


def main(base_url: str, key: str, endpoint: str, prompt: str, output_path: str) -> None:
    client = BFLClient(api_key=key, base_url=base_url)
    config = ClientConfig(sync=True, timeout=60, polling_interval=0.1, max_retries=600)
    response = client.generate(endpoint, {"prompt": prompt}, config)
    # Not the client's session: it would send the key to the delivery host.
    picture = requests.get(response.result["sample"], timeout=30)
    picture.raise_for_status()
    Path(output_path).write_bytes(picture.content)
    # The client prints its polling to stdout; the result is the last line.
    sys.stdout.write(f"{json.dumps({'id': response.id} | response.result)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
