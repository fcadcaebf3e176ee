// What the user shows, on the virtual clock: which frames become images, and which of them the model gets.
import { expect, test } from 'vitest';
import { seededIds } from '../../src/ids.ts';
import {
  Agent,
  type ChatImage,
  type ChatMessage,
  type ChatRequest,
  createRuntime,
  type SessionOptionsInput,
  type Transport,
  type TransportOpenOptions,
} from '../../src/index.ts';
import {
  crash,
  type ScriptedAnswer,
  ScriptedLlm,
  startTestCall,
  type TestCall,
  VirtualClock,
} from '../../src/testing/index.ts';

const ANSWERS: Readonly<Record<string, ScriptedAnswer>> = {
  'What is this': { text: 'A cup.' },
  'And this': { text: 'A spoon.' },
};

const start = (video: SessionOptionsInput['video'] = {}, seesImages = true) =>
  startTestCall({ answers: ANSWERS, seesImages, options: { video } });

/** Numbers of the frames in an image, as the scripted user counts them. */
const frameOf = ({ data: [low = 0, high = 0] }: ChatImage) => low + 256 * high;
const imagesOf = (message: ChatMessage | undefined) => (message?.role === 'user' ? (message.images ?? []) : []);
/** By message of a request, the frames that the model got. */
const framesIn = (request: ChatRequest | undefined) =>
  request?.messages.map((message) => imagesOf(message).map(frameOf)).filter((frames) => frames.length > 0);
const timesOf = (call: TestCall, name: string) =>
  call.log.flatMap((entry) => (entry.name === name ? [entry.atMs] : []));
const problems = (call: TestCall) =>
  call.log.flatMap(({ name, event }) => (name === 'session_error' ? [(event as { code: string }).code] : []));

test('images are taken at one rate while the user speaks and at another while the user is quiet', async () => {
  const call = await start({ speakingFps: 2, silentFps: 0.5 });
  call.user.showVideo();
  await call.until(10_000);
  expect(timesOf(call, 'video_received')).toEqual([0, 2_000, 4_000, 6_000, 8_000, 10_000]);
  const before = call.log.length;
  call.user.speak('', { durationMs: 5_000 });
  await call.until(15_000);
  const speaking = call.log.slice(before).filter(({ name }) => name === 'video_received');
  expect(speaking.length).toBeGreaterThanOrEqual(9);
  expect(speaking.length).toBeLessThanOrEqual(11);
  await call.end();
});

test('the defaults are one image a second while speaking, and three in ten seconds while quiet', async () => {
  const call = await start();
  call.user.showVideo();
  await call.until(33_300);
  expect(timesOf(call, 'video_received')).toHaveLength(10);
  await call.end();
});

test('the newest image goes to the model with what the user said; the history has a reference, and no bytes', async () => {
  const call = await start();
  call.user.showVideo();
  call.user.speak('What is this', { durationMs: 2_000 });
  await call.until(6_000);
  const [request] = call.llm.requests;
  expect(framesIn(request)).toHaveLength(1);
  const [image] = imagesOf(request?.messages.at(-1));
  expect(image).toMatchObject({ mimeType: 'image/jpeg', widthPx: 640, heightPx: 480, source: 'camera' });
  const [said] = call.session.history;
  expect(JSON.parse(JSON.stringify(said))).toMatchObject({
    type: 'user',
    text: 'What is this',
    images: [
      { id: expect.any(String), source: 'camera', mimeType: 'image/jpeg', widthPx: 640, takenAtMs: expect.any(Number) },
    ],
  });
  expect(JSON.stringify(said)).not.toContain('data');
  await call.end();
});

test('a long call costs no more than a short one: images of earlier turns are not sent again', async () => {
  const call = await start();
  call.user.showVideo();
  call.user.type('What is this');
  await call.until(4_000);
  call.user.type('And this');
  await call.until(8_000);
  const [first, second] = call.llm.requests.map(framesIn);
  expect(first).toHaveLength(1);
  expect(second).toHaveLength(1);
  expect(second?.[0]?.[0]).toBeGreaterThan(first?.[0]?.[0] ?? 0);
  expect(call.session.history.filter((item) => item.type === 'user' && item.images?.length === 1)).toHaveLength(2);
  await call.end();
});

test('of each source as many images as asked for, oldest first', async () => {
  const call = await start({ screen: true, imagesPerTurn: 2, silentFps: 1 });
  call.user.showVideo('camera', 10);
  call.user.showVideo('screen', 10);
  await call.until(5_000);
  call.user.type('What is this');
  await call.until(6_000);
  const images = imagesOf(call.llm.requests[0]?.messages.at(-1));
  expect(images.map(({ source }) => source).sort()).toEqual(['camera', 'camera', 'screen', 'screen']);
  const frames = images.map(frameOf);
  expect(frames).toEqual([...frames].sort((a, b) => a - b));
  await call.end();
});

test('a screen is looked at only when asked for', async () => {
  const call = await start({});
  call.user.showVideo('screen');
  await call.until(3_000);
  expect(timesOf(call, 'video_received')).toEqual([]);
  await call.end();
});

test('a camera that was turned off shows nothing, and one that froze nothing any more', async () => {
  const call = await start();
  call.user.showVideo();
  await call.until(1_000);
  call.user.hideVideo();
  call.user.type('What is this');
  await call.until(4_000);
  expect(framesIn(call.llm.requests[0])).toEqual([]);
  call.user.transport.pushImage({
    mimeType: 'image/png',
    data: new Uint8Array(3),
    widthPx: 1,
    heightPx: 1,
    source: 'camera',
  });
  await call.until(60_000);
  call.user.type('And this');
  await call.until(62_000);
  expect(framesIn(call.llm.requests[1])).toEqual([]);
  await call.end();
});

test('a turn that dies is tried again with the same image', async () => {
  const call = await start();
  call.user.showVideo();
  await call.until(1_000);
  call.user.type('What is this');
  await call.until(1_050);
  expect(crash(call.runtime.registry.whereis(`${call.session.sessionId}/turn:1.1.reply`))).toBe(true);
  await call.until(4_000);
  const [first, second] = call.llm.requests.map(framesIn);
  expect(first).toHaveLength(1);
  expect(second).toEqual(first);
  await call.end();
});

test('a question that was interrupted unheard keeps its image when it is answered after all', async () => {
  const call = await startTestCall({
    answers: { 'What is this': { text: 'A cup.', firstTokenMs: 3_000 } },
    seesImages: true,
    options: { video: {}, interruption: { minDurationMs: 200 } },
  });
  call.user.showVideo();
  call.user.speak('What is this', { durationMs: 1_000 });
  await call.until(2_500);
  call.user.speak('', { durationMs: 600 });
  await call.until(12_000);
  expect(call.llm.requests.length).toBeGreaterThan(1);
  const sent = call.llm.requests.map(framesIn);
  expect(sent.at(-1)).toEqual(sent[0]);
  expect(sent[0]).toHaveLength(1);
  await call.end();
});

test('a reply that the host asks for sees what is on show, and leaves no trace of it in the history', async () => {
  const call = await start();
  call.user.showVideo();
  await call.until(1_000);
  call.session.generateReply({ instructions: 'Say what you see.' });
  await call.until(3_000);
  expect(call.llm.requests[0]?.messages.at(-1)).toMatchObject({
    role: 'user',
    content: '',
    images: [{ source: 'camera' }],
  });
  expect(call.session.history).toEqual([]);
  await call.end();
});

test('a model that takes no images is told of once, and the call goes on without any', async () => {
  const call = await start({}, false);
  call.user.showVideo();
  for (const [atMs, text] of [
    [1_000, 'What is this'],
    [5_000, 'And this'],
  ] as const) {
    await call.until(atMs);
    call.user.type(text);
  }
  await call.until(9_000);
  expect(problems(call)).toEqual(['ERR_VIDEO']);
  expect(timesOf(call, 'video_received')).toEqual([]);
  expect(call.llm.requests.map(framesIn)).toEqual([[], []]);
  expect(call.session.history.map((item) => ('text' in item ? item.text : ''))).toContain('A spoon.');
  await call.end();
});

test('after a handoff to an agent whose model takes no images none are sent, and that is told', async () => {
  const call = await start();
  call.user.showVideo();
  await call.until(1_000);
  const blind = new ScriptedLlm({ clock: call.clock, answers: ANSWERS });
  call.session.updateAgent(new Agent({ instructions: '', llm: blind }));
  call.user.type('What is this');
  await call.until(4_000);
  expect(blind.requests.map(framesIn)).toEqual([[]]);
  expect(problems(call)).toEqual(['ERR_VIDEO']);
  await call.end();
});

test('what was seen before the connection broke is not what is', async () => {
  const clock = new VirtualClock();
  const llm = new ScriptedLlm({ clock, answers: ANSWERS, seesImages: true });
  const runtime = createRuntime({ clock, ids: seededIds(), providers: { llm } });
  const stays: { given: TransportOpenOptions; isOpen: boolean }[] = [];
  const transport: Transport = {
    label: 'fragile',
    open: async (given) => {
      const stay = { given, isOpen: true };
      stays.push(stay);
      return {
        sink: null,
        get isOpen() {
          return stay.isOpen;
        },
        close: () => {},
      };
    },
  };
  const session = runtime.createSession({ agent: new Agent({}), transport, options: { audio: false, video: {} } });
  await Promise.all([session.start(), clock.settle()]);
  const image: ChatImage = {
    mimeType: 'image/png',
    data: new Uint8Array(1),
    widthPx: 1,
    heightPx: 1,
    source: 'camera',
  };
  const [first] = stays;
  first?.given.video?.onImage(image);
  if (first !== undefined) first.isOpen = false;
  first?.given.onEvent({ type: 'lost', reason: 'cut' });
  await clock.advance(1_000);
  expect(stays).toHaveLength(2);
  session.sendText('What is this');
  await clock.advance(2_000);
  expect(llm.requests.map(framesIn)).toEqual([[]]);
  const closed = runtime.close();
  await clock.advance(5_000);
  await closed;
});

test('without the option nothing is looked at', async () => {
  const call = await startTestCall({ answers: ANSWERS, seesImages: true });
  call.user.showVideo();
  await call.until(1_000);
  expect([call.user.transport.wantsImage('camera'), timesOf(call, 'video_received')]).toEqual([false, []]);
  await call.end();
});

test('an image that is none is told of once in a row, and the next good one is taken', async () => {
  const call = await start({ silentFps: 10 });
  const good: ChatImage = {
    mimeType: 'image/jpeg',
    data: new Uint8Array([1]),
    widthPx: 1,
    heightPx: 1,
    source: 'camera',
  };
  for (const [index, bad] of [{ data: new Uint8Array() }, { widthPx: 0.5 }, { mimeType: 'text/html' }, {}].entries()) {
    await call.until(index * 200);
    call.user.transport.pushImage({ ...good, ...bad } as ChatImage);
  }
  expect(problems(call)).toEqual(['ERR_VIDEO']);
  expect(timesOf(call, 'video_received')).toEqual([600]);
  await call.end();
});

test('memory that is used again does not change what the model sees', async () => {
  const call = await start();
  const data = new Uint8Array([7, 0]);
  call.user.transport.pushImage({ mimeType: 'image/jpeg', data, widthPx: 1, heightPx: 1, source: 'camera' });
  data[0] = 9;
  call.user.type('What is this');
  await call.until(1_000);
  expect(framesIn(call.llm.requests[0])).toEqual([[7]]);
  await call.end();
});
