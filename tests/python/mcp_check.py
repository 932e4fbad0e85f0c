"""Drives plex-mcp with the MCP client of Python (mcp 2.3.0), which checks each result against the tool's output schema.

Usage: mcp_check.py COMMAND; the settings come from the environment.
"""

import asyncio
import json
import os
import sys

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

PASSED = 0


def check(truth, what):
    global PASSED
    assert truth, what
    PASSED += 1


async def run(command, mode):
    server = stdio_client(StdioServerParameters(command=command, env=dict(os.environ)))
    progress = []

    async def on_progress(done, total, _text):
        progress.append((done, total))

    async with Client(server, mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        check(len(tools) >= 5, "the tools are listed")

        async def call(name, arguments, fails=False):
            result = await client.call_tool(name, arguments, progress_callback=on_progress)
            check(bool(result.is_error) == fails, f"{mode} {name} {arguments}: {result}")
            if not fails:
                check(json.loads(result.content[0].text) == result.structured_content, "text and structure agree")
            return result.structured_content

        libraries = (await call("get_libraries", {}))["libraries"]
        check([library["key"] for library in libraries] == ["1", "2", "3", "4", "5"], "five libraries")
        for library in libraries:
            items = (await call("get_library_items", {"libraryKey": library["key"], "limit": 3}))["items"]
            check(len(items) == min(3, library["count"]), f"items of {library['title']}")
            for item in items:
                details = (await call("get_media_details", {"ratingKey": item["ratingKey"]}))["details"]
                check(details["title"] == item["title"], "details of the item asked for")
        check((await call("search_media", {"query": "the"}))["results"], "something is found")
        name = f"python-{mode}.json"
        exported = await call("export_library", {"libraryKey": "1", "outputPath": name, "pageSize": 10})
        with open(os.path.join(os.environ["PLEX_EXPORT_DIR"], name), encoding="utf-8") as file:
            check(len(json.load(file)) == exported["totalExported"] == libraries[0]["count"], "all films are in the file")
        check(progress and progress[-1] == (exported["totalExported"],) * 2, f"progress was shown: {progress[-3:]}")
        await call("get_library_items", {"libraryKey": "x"}, fails=True)


async def main():
    for mode in ("legacy", "2026-07-28"):
        await run(sys.argv[1], mode)
    print(f"mcp: {PASSED} checks passed")


asyncio.run(main())
