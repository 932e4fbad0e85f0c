"""Has the MCP client of Python (mcp 2.3.0) ask its user, by both lifecycles of the protocol, under a policy that asks for writes.

Usage: approval_check.py COMMAND; the settings come from the environment.
"""

import asyncio
import os
import sys

from mcp import Client, types
from mcp.client.stdio import StdioServerParameters, stdio_client

PASSED = 0


def check(truth, what):
    global PASSED
    assert truth, what
    PASSED += 1


async def run(command, mode):
    server = stdio_client(StdioServerParameters(command=command, env=dict(os.environ)))
    asked = []
    says = types.ElicitResult(action="decline")

    async def on_ask(_context, params):
        asked.append(params.message)
        return says

    async with Client(server, mode=mode, elicitation_callback=on_ask) as client:

        async def export(name):
            return await client.call_tool("export_library", {"libraryKey": "1", "outputPath": name})

        def there(name):
            return os.path.exists(os.path.join(os.environ["PLEX_EXPORT_DIR"], name))

        name = f"approved-{mode}.json"
        refused = await export(name)
        check(refused.is_error and refused.structured_content["code"] == "approval_declined", f"{mode}: {refused}")
        check(len(asked) == 1 and f'of the library "Movies" to {name}' in asked[0], asked)
        says = types.ElicitResult(action="accept", content={"approve": False})
        refused = await export(name)
        check(refused.is_error and not there(name), f"{mode}: {refused}")
        says = types.ElicitResult(action="accept", content={"approve": True})
        exported = await export(name)
        check(not exported.is_error and there(name), f"{mode}: {exported}")
        check(len(asked) == 3, asked)
        again = await export(f"again-{mode}.json")
        check(not again.is_error and len(asked) == 4, "each call is asked for")

    async with Client(stdio_client(StdioServerParameters(command=command, env=dict(os.environ))), mode=mode) as client:
        refused = await client.call_tool("export_library", {"libraryKey": "1", "outputPath": "nobody.json"})
        check(refused.is_error and refused.structured_content["approvalId"], f"{mode}: no one to ask: {refused}")


async def main():
    for mode in ("legacy", "2026-07-28"):
        await run(sys.argv[1], mode)
    print(f"approvals: {PASSED} checks passed")


asyncio.run(main())
