# gql, the client for Python, as a back end uses it: the host application sends what has a category
# and links, and plans, changes and cancels what is to come; then a person asks whom they can write
# to, and changes their own language. Prints a line of JSON for each answer.
#
#   TIDINGS_URL=<url> TIDINGS_TOKEN=<a person's> HOST_TOKEN=<the host's> python send.py <person> <time>

import asyncio
import json
import os
import sys

from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

SEND = gql("""
  mutation Send($input: CreateMessageInput!) {
    createMessage(input: $input) { message { id sendAt category actions { label url isMain } } }
  }
""")
CHANGE = gql("""
  mutation Change($input: UpdateMessageInput!) {
    updateMessage(input: $input) { message { id subject } }
  }
""")
CANCEL = gql("""
  mutation Cancel($id: ID!) { cancelMessage(input: { messageId: $id }) { messageId } }
""")
PLANNED = gql("{ plannedMessages { nodes { subject sendAt } } }")
PEOPLE = gql("query People($search: String) { people(search: $search) { nodes { name } } }")
UPDATE = gql("""
  mutation Update($input: UpdateViewerInput!) {
    updateViewer(input: $input) { user { locale timeZone } }
  }
""")
SERVER = gql("{ server { addressBook peopleEdit limits { subject page } } }")


def session(token):
    return Client(
        transport=WebsocketsTransport(
            url=os.environ["TIDINGS_URL"].replace("http", "ws", 1),
            init_payload={"Authorization": "Bearer " + token},
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        ),
        # Documents are checked against the schema before they are sent.
        fetch_schema_from_transport=True,
    )


async def say(session, document, variables=None):
    document.variable_values = variables
    try:
        answer = await session.execute(document)
    except TransportQueryError as refused:
        answer = [error["extensions"]["code"] for error in refused.errors]
    print(json.dumps(answer), flush=True)
    return answer


async def main():
    person, time = sys.argv[1:]
    async with session(os.environ["HOST_TOKEN"]) as host:
        to = [{"user": {"externalId": person}}]
        invoice = {
            "to": to,
            "subject": "Your invoice is ready",
            "body": "Due in **14 days**.",
            "url": "/invoices/7",
            "data": {"invoice": 7, "lines": [{"cents": 4200}]},
            "category": "work",
            "actions": [
                {"label": "Pay", "url": "/invoices/7/pay", "isMain": True},
                {"label": "Download", "url": "/invoices/7.pdf"},
            ],
        }
        await say(host, SEND, {"input": invoice})
        await say(host, SEND, {"input": {**invoice, "category": "unheard of"}})
        planned = []
        for subject in ["later", "never"]:
            later = {"to": to, "subject": subject, "body": "", "sendAt": time}
            sent = await say(host, SEND, {"input": later})
            planned.append(sent["createMessage"]["message"]["id"])
        await say(host, CHANGE, {"input": {"messageId": planned[0], "subject": "at ten"}})
        await say(host, CANCEL, {"id": planned[1]})
        await say(host, PLANNED)
    async with session(os.environ["TIDINGS_TOKEN"]) as reader:
        await say(reader, PEOPLE, {"search": "ali"})
        await say(reader, UPDATE, {"input": {"locale": "de-AT", "timeZone": "Europe/Vienna"}})
        await say(reader, UPDATE, {"input": {"timeZone": "Vienna"}})
        await say(reader, SERVER)


asyncio.run(main())
