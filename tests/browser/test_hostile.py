"""A browser that does not do as it is told: the others' own browsers see to it."""

from playwright.async_api import expect

from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links
from tests.browser.test_call import CONNECTIONS, open_person, two_in_a_call

KEEP_SENDING = """
() => {
  setInterval(() => {
    for (const sender of testPeers.flatMap((p) => p.getSenders())) {
      if (sender.track) sender.track.enabled = true;
    }
  }, 20);
}
"""
NEVER_CLOSE = "() => { RTCPeerConnection.prototype.close = () => undefined; }"
# What could be heard of the others at this moment: the tracks as they are played.
LOUDNESS = """
async () => {
  const context = new AudioContext();
  await context.resume();
  let loudest = 0;
  const receivers = testPeers
    .filter((p) => p.connectionState === "connected")
    .flatMap((p) => p.getReceivers())
    .filter((r) => r.track.kind === "audio");
  const analysers = receivers.map((r) => {
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(new MediaStream([r.track])).connect(analyser);
    return analyser;
  });
  const until = performance.now() + 1200;
  const samples = new Float32Array(2048);
  while (performance.now() < until) {
    await new Promise((next) => setTimeout(next, 20));
    for (const analyser of analysers) {
      analyser.getFloatTimeDomainData(samples);
      loudest = Math.max(loudest, ...samples.map(Math.abs));
    }
  }
  await context.close();
  return loudest;
}
"""


async def audio_packets(person: Person) -> int:
    return sum(entry.packets for entry in await person.inbound() if entry.kind == "audio")


async def test_who_was_muted_and_keeps_sending_is_not_heard(party: Party, room: Links) -> None:
    mina, jun = await two_in_a_call(party, room)
    await mina.hears()
    assert await mina.page.evaluate(LOUDNESS) > 0.01
    await jun.page.evaluate(KEEP_SENDING)
    await open_person(mina, "Jun")
    await mina.page.get_by_test_id("action-mute").click()
    await expect(mina.tile("Jun")).to_have_attribute("data-muted", "true")
    before = await audio_packets(mina)
    assert await mina.page.evaluate(LOUDNESS) == 0
    assert await audio_packets(mina) > before + 20, "it did not keep sending"


async def test_who_was_removed_and_hangs_on_is_neither_seen_nor_sent_to(
    party: Party, room: Links
) -> None:
    mina, jun = await two_in_a_call(party, room)
    await jun.page.evaluate(NEVER_CLOSE)
    await open_person(mina, "Jun")
    await mina.page.get_by_test_id("action-remove").click()
    await mina.page.get_by_test_id("question-yes").click()
    await expect(mina.tiles).to_have_count(1)
    assert await mina.page.evaluate(CONNECTIONS) == 0
    states = await mina.page.evaluate("() => testPeers.map((p) => p.connectionState)")
    assert set(states) == {"closed"}

    async def cut() -> bool:
        before = await jun.frames()
        await jun.page.wait_for_timeout(1000)
        return await jun.frames() == before

    await until(cut, "the picture to stop for who was removed")
