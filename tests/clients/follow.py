# gql, the client for Python, over a websocket, with its own defaults but for the subprotocol (see
# docs/transport.md): it asks who it is, follows the inbox, and prints a line of JSON for each.
#
#   TIDINGS_URL=<url> TIDINGS_TOKEN=<token> python follow.py

import asyncio
import json
import os

from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport


async def main():
    transport = WebsocketsTransport(
        url=os.environ["TIDINGS_URL"].replace("http", "ws", 1),
        init_payload={"Authorization": "Bearer " + os.environ["TIDINGS_TOKEN"]},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        viewer = await session.execute(gql("{ viewer { name } }"))
        print(json.dumps(viewer), flush=True)
        follow = gql("subscription { inboxUpdated { counts { unread } changes { item { title } } } }")
        async for update in session.subscribe(follow):
            print(json.dumps(update), flush=True)


asyncio.run(main())
