"""Calls of the server to a client: LiveKit's RPC under an identity that nobody in the room has."""

import asyncio
import uuid
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError
from livekit.protocol.models import DataPacket, RpcRequest

from moim.sfu.participant import Participant
from moim.sfu.world import World

if TYPE_CHECKING:
    from moim.sfu.room import Room

IDENTITY: Final = "moim-server-rpc"
RESPONSE_TIMEOUT_MS: Final = 15_000
LONGEST_TIMEOUT_MS: Final = 60_000
LONGEST_PAYLOAD_BYTES: Final = 15 * 1024


class RpcFailed(Exception):
    """The client answered with an error, or not at all.

    code: as in LiveKit's RPC, 1502 when no answer came.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


RESPONSE_TIMEOUT: Final = 1502


class ServerRpc:
    """The calls of one room that wait for their answers."""

    def __init__(self, world: World, room: "Room") -> None:
        self._world = world
        self._room = room
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._intercepting = False

    async def call(self, to: Participant, method: str, payload: str, timeout_ms: int) -> str:
        """Call a method of a client and give its answer.

        Raises: RpcFailed
        """
        if not self._intercepting:
            self._world.engine.intercept(self._room.number, IDENTITY)
            self._intercepting = True
        call_id = str(uuid.uuid4())
        timeout_ms = min(timeout_ms or RESPONSE_TIMEOUT_MS, LONGEST_TIMEOUT_MS)
        request = RpcRequest(
            id=call_id,
            method=method,
            payload=payload,
            response_timeout_ms=timeout_ms,
            version=1,
        )
        packet = DataPacket(
            participant_identity=IDENTITY,
            destination_identities=[to.identity],
            rpc_request=request,
        )
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[call_id] = answer
        try:
            self._world.engine.send_data(
                self._room.number, packet.SerializeToString(), reliable=True, to=[to.number]
            )
            async with asyncio.timeout(timeout_ms / 1000):
                return await answer
        except TimeoutError as error:
            raise RpcFailed(RESPONSE_TIMEOUT, "Response timeout") from error
        finally:
            del self._waiting[call_id]

    def received(self, data: bytes) -> None:
        """Take what a client sent to the server's identity."""
        try:
            packet = DataPacket.FromString(data)
        except DecodeError:
            return
        if packet.WhichOneof("value") != "rpc_response":
            return
        response = packet.rpc_response
        answer = self._waiting.get(response.request_id)
        if answer is None or answer.done():
            return
        if response.HasField("error"):
            answer.set_exception(RpcFailed(response.error.code, response.error.message))
        else:
            answer.set_result(response.payload)
