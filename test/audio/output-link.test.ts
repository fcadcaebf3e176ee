import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AudioFrame } from '../../src/audio/frame.ts';
import { OutputLink, type PlayoutDevice, type TextReader } from '../../src/audio/output-link.ts';

const RATE = 8_000;

/** A device that plays when it is told to; `heard` is what came out of it, sample by sample. */
class Device implements PlayoutDevice {
  readonly sampleRateHz = RATE;
  readonly heard: number[] = [];
  queue: number[] = [];
  isSuspended = false;

  write({ samples }: AudioFrame): void {
    this.queue.push(...samples);
  }

  playedSamples(): number {
    return this.heard.length;
  }

  flush(): void {
    this.queue = [];
  }

  play(count: number): void {
    this.heard.push(...this.queue.splice(0, count));
  }
}

function setUp() {
  const device = new Device();
  const told: string[] = [];
  const heard: { itemId: string; text: string; wasCut: boolean }[] = [];
  const tell = (what: string) => (key: number) => told.push(`${what} ${key}`);
  const link = new OutputLink<number>({
    buffering: tell('buffering'),
    held: tell('held'),
    started: tell('started'),
    progressed: () => {},
    suspended: tell('suspended'),
    starved: tell('starved'),
    paused: tell('paused'),
    resumed: tell('resumed'),
    drained: tell('drained'),
    synthesized: tell('synthesized'),
    heard: (_key, itemId, text, wasCut) => heard.push({ itemId, text, wasCut }),
  });
  link.setDevice(device);
  const port = link.attachPlayout({ wake: () => port?.pump() });
  const play = (count: number) => {
    device.play(count);
    port.tick();
  };
  return { link, device, told, heard, port, play };
}

/** A voice that writes down what it is asked; the test speaks for it. */
function voice(link: OutputLink<number>) {
  const asked: string[] = [];
  let segment = 0;
  const reader: TextReader = {
    begin: (id) => {
      segment = id;
      asked.push('begin');
    },
    write: (text) => asked.push(text),
    end: () => asked.push('end'),
    cancel: () => asked.push('cancel'),
  };
  const writer = link.attachVoice(reader);
  return {
    asked,
    segment: () => segment,
    audio: (samples: readonly number[], id = segment) =>
      writer.audio(id, { samples: Int16Array.from(samples), sampleRateHz: RATE, channels: 1 }),
    mark: (chars: number, id = segment) => writer.mark(id, chars),
    done: (id = segment) => writer.done(id),
    ready: () => writer.ready(segment),
  };
}

const ramp = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('a reply', () => {
  test('goes to the voice as text, comes back as audio, and is heard in full', () => {
    const { link, device, told, heard, play } = setUp();
    const tts = voice(link);
    const turn = link.attachTurn(1);
    turn.begin('item');
    turn.write('Hello ');
    turn.write('there.');
    turn.end();
    expect(tts.asked).toEqual(['begin', 'Hello ', 'there.', 'end']);
    tts.audio(ramp(1, 101));
    tts.mark(12);
    tts.done();
    play(100);
    expect(device.heard).toEqual(ramp(1, 101));
    expect(heard).toEqual([{ itemId: 'item', text: 'Hello there.', wasCut: false }]);
    expect(told).toEqual(['buffering 1', 'started 1', 'synthesized 1', 'drained 1']);
    expect(link.isBusy).toBe(false);
  });

  test('that is written before there is a voice or a device waits for both', () => {
    const { link, device, play } = setUp();
    link.setDevice(null); // its rate is remembered
    const turn = link.attachTurn(1);
    turn.begin('item');
    turn.write('Hi');
    turn.end();
    const tts = voice(link);
    expect(tts.asked).toEqual(['begin', 'Hi', 'end']);
    tts.audio(ramp(1, 11));
    tts.done();
    expect(device.queue).toEqual([]);
    link.setDevice(device);
    play(10);
    expect(device.heard).toEqual(ramp(1, 11));
  });

  test('goes to a device of another rate at the right speed', () => {
    const { link, heard, play } = setUp();
    const tts = voice(link);
    const turn = link.attachTurn(1);
    turn.begin('item');
    turn.write('one two three four');
    tts.audio(Array.from({ length: 800 }, () => 1_000));
    tts.mark(18);
    play(400);
    const wide = new Device();
    Object.assign(wide, { sampleRateHz: 16_000 });
    link.setDevice(wide);
    expect(wide.queue.length).toBeGreaterThan(780);
    expect(wide.queue.length).toBeLessThan(820);
    wide.play(400);
    expect(link.flush().playedMs).toBeCloseTo(75, 0);
    expect(heard.at(-1)?.text).toBe('one two three');
  });

  test('with ready-made audio asks nothing of the voice', () => {
    const { link, device, heard, play } = setUp();
    const tts = voice(link);
    const frame = { samples: Int16Array.from(ramp(1, 6)), sampleRateHz: RATE, channels: 1 as const };
    link.attachTurn(1).play('sorry', 'Sorry.', [frame]);
    expect(tts.asked).toEqual(['cancel']);
    play(5);
    expect(device.heard).toEqual(ramp(1, 6));
    expect(heard).toEqual([{ itemId: 'sorry', text: 'Sorry.', wasCut: false }]);
  });
});

describe('flush', () => {
  test('tells what was heard and silences the device at once', () => {
    const { link, device, heard, play } = setUp();
    const tts = voice(link);
    const turn = link.attachTurn(1);
    turn.begin('item');
    turn.write('one two three four');
    tts.audio(ramp(0, 180));
    tts.mark(18);
    play(80);
    expect(link.flush()).toEqual({ playedMs: 10, heardText: 'one two' });
    expect(device.queue).toEqual([]);
    expect(heard).toEqual([{ itemId: 'item', text: 'one two', wasCut: true }]);
    expect(tts.asked.at(-1)).toBe('cancel');
  });

  test('revokes every writer: neither the old turn nor the old voice can be heard any more', () => {
    const { link, device } = setUp();
    const tts = voice(link);
    const old = link.attachTurn(1);
    old.begin('item');
    const oldSegment = tts.segment();
    link.flush();
    old.write('late');
    old.begin('later');
    old.play('ready', 'made', [{ samples: Int16Array.of(9), sampleRateHz: RATE, channels: 1 }]);
    tts.audio(ramp(1, 10), oldSegment);
    tts.done(oldSegment);
    expect(device.queue).toEqual([]);
    expect(link.isBusy).toBe(false);
  });

  test('is what attaching a turn begins with', () => {
    const { link, device, play } = setUp();
    const tts = voice(link);
    link.attachTurn(1).begin('first');
    tts.audio(ramp(1, 100));
    play(10);
    link.attachTurn(2);
    expect(device.queue).toEqual([]);
  });

  test('of nothing tells that nothing was heard', () => {
    const { link, heard } = setUp();
    expect(link.flush()).toEqual({ playedMs: 0, heardText: '' });
    expect(heard).toEqual([]);
  });

  test('after the last sample does not cut what was heard in full', () => {
    const { link, heard, play } = setUp();
    const tts = voice(link);
    link.attachTurn(1).begin('item');
    tts.audio(ramp(0, 10));
    tts.done();
    play(10);
    link.flush();
    expect(heard.map(({ wasCut }) => wasCut)).toEqual([false]);
  });
});

describe('holding and pausing', () => {
  test('the first frame waits while the user speaks, and is told once', () => {
    const { link, device, told, play } = setUp();
    const tts = voice(link);
    link.hold(true);
    link.attachTurn(1).begin('item');
    tts.audio(ramp(1, 6));
    tts.audio(ramp(6, 11));
    expect(told).toEqual(['buffering 1', 'held 1']);
    link.hold(false);
    play(10);
    expect(device.heard).toEqual(ramp(1, 11));
  });

  test('a reply that is audible already is not held', () => {
    const { link, device, play } = setUp();
    const tts = voice(link);
    link.attachTurn(1).begin('item');
    tts.audio(ramp(1, 6));
    play(2);
    link.hold(true);
    tts.audio(ramp(6, 11));
    play(8);
    expect(device.heard).toEqual(ramp(1, 11));
  });

  test('after a pause the reply goes on at the very sample', () => {
    const { link, device, told, play } = setUp();
    const tts = voice(link);
    link.attachTurn(1).begin('item');
    tts.audio(ramp(1, 51));
    tts.audio(ramp(51, 101));
    tts.done();
    play(70);
    link.pause();
    play(100);
    expect(device.heard).toHaveLength(70);
    link.resume();
    play(100);
    expect(device.heard).toEqual(ramp(1, 101));
    expect(told).toContain('drained 1');
  });

  test('a pause of silence is none', () => {
    const { link, told } = setUp();
    link.pause();
    voice(link);
    link.attachTurn(1).begin('item');
    link.pause();
    expect(told).toEqual(['buffering 1']);
  });
});

test('a device whose network is away tells so at each look while a reply is under way, and only then', () => {
  const { link, device, told, port, play } = setUp();
  device.isSuspended = true;
  port.tick();
  const tts = voice(link);
  const turn = link.attachTurn(1);
  turn.begin('item');
  turn.write('Hello.');
  turn.end();
  tts.audio(ramp(1, 101));
  port.tick();
  port.tick();
  expect(told).toEqual(['buffering 1', 'started 1', 'suspended 1', 'suspended 1']);
  device.isSuspended = false;
  tts.done();
  play(100);
  expect(told.slice(4)).toEqual(['synthesized 1', 'drained 1']);
});

describe('a voice that has no audio for now', () => {
  function starve() {
    const world = setUp();
    const tts = voice(world.link);
    const turn = world.link.attachTurn(1);
    turn.begin('item');
    turn.write('One. ');
    tts.audio(ramp(1, 101));
    tts.mark(5);
    expect(world.port.nextTickMs()).toBeCloseTo(12.5);
    world.play(100);
    return { ...world, tts, turn };
  }

  test('is told once, and nothing is looked at until there is more', () => {
    const { told, port, play, tts, device } = starve();
    port.tick();
    expect(told).toEqual(['buffering 1', 'started 1', 'starved 1']);
    expect(port.nextTickMs()).toBeNull();
    tts.audio(ramp(101, 201));
    expect(told.slice(3)).toEqual(['resumed 1']);
    expect(port.nextTickMs()).toBeCloseTo(12.5);
    play(100);
    tts.done();
    expect(told.slice(4)).toEqual(['starved 1', 'synthesized 1', 'drained 1']);
    expect(device.heard).toEqual(ramp(1, 201));
  });

  test('starves again after a pause', () => {
    const { told, link } = starve();
    link.pause();
    link.resume();
    expect(told.slice(3)).toEqual(['paused 1', 'resumed 1', 'starved 1']);
  });

  test('has said all when its text has ended and its marks say so; what comes later is not heard', () => {
    const { told, link, turn, tts, heard, device } = starve();
    link.finishVoice();
    expect(told.slice(3)).toEqual([]);
    turn.end();
    link.finishVoice();
    expect(told.slice(3)).toEqual(['synthesized 1', 'drained 1']);
    expect(heard).toEqual([{ itemId: 'item', text: 'One. ', wasCut: false }]);
    expect(tts.asked.at(-1)).toBe('cancel');
    tts.audio(ramp(101, 201));
    expect(device.queue).toEqual([]);
  });

  test('has not said all when text is missing', () => {
    const { told, link, turn } = starve();
    turn.write('Two.');
    turn.end();
    link.finishVoice();
    expect(told.slice(3)).toEqual([]);
  });

  test('lets a device play the last piece that is shorter than a frame', () => {
    const { link, told, port, device } = setUp();
    const tts = voice(link);
    link.attachTurn(1).begin('item');
    tts.audio(ramp(1, 101));
    let ends = 0;
    Object.assign(device, {
      end: () => {
        ends++;
        device.play(100);
      },
    });
    device.play(20);
    port.tick();
    device.play(40);
    expect(ends).toBe(1);
    port.tick();
    expect(told).toEqual(['buffering 1', 'started 1', 'starved 1']);
  });
});

describe('restarts', () => {
  test('a new voice takes over in mid-clause without a doubled or lost sample', () => {
    const { link, device, play } = setUp();
    const first = voice(link);
    const turn = link.attachTurn(1);
    turn.begin('item');
    turn.write('One two. Three four.');
    turn.end();
    first.audio(ramp(0, 80));
    first.mark(9);
    first.audio(ramp(80, 100));
    play(90);
    const second = voice(link);
    expect(second.asked).toEqual(['begin', 'Three four.', 'end']);
    first.audio(ramp(900, 950));
    second.audio(ramp(80, 160));
    second.mark(11);
    second.done();
    play(200);
    expect(device.heard).toEqual(ramp(0, 160));
  });

  test('a new playout goes on where the device is', () => {
    const { link, device, play, port } = setUp();
    const tts = voice(link);
    link.attachTurn(1).begin('item');
    tts.audio(ramp(1, 51));
    play(20);
    const next = link.attachPlayout({ wake: () => next?.pump() });
    tts.audio(ramp(51, 101));
    port.pump();
    next.pump();
    device.play(100);
    expect(device.heard).toEqual(ramp(1, 101));
    expect(port.nextTickMs()).toBeNull();
  });

  test('a new device plays the rest', () => {
    const { link, device, play } = setUp();
    const tts = voice(link);
    link.attachTurn(1).begin('item');
    tts.audio(ramp(1, 101));
    tts.done();
    play(30);
    const other = new Device();
    link.setDevice(other);
    other.play(100);
    expect([...device.heard, ...other.heard]).toEqual(ramp(1, 101));
    expect(link.flush().playedMs).toBe(12.5);
  });

  test('a frame that the device threw at is written again', () => {
    const { link, device, port } = setUp();
    const tts = voice(link);
    const write = device.write.bind(device);
    let failures = 1;
    device.write = (frame) => {
      if (failures-- > 0) throw new Error('device');
      write(frame);
    };
    link.attachTurn(1).begin('item');
    expect(() => tts.audio(ramp(1, 11))).toThrow('device');
    port.pump();
    device.play(10);
    expect(device.heard).toEqual(ramp(1, 11));
  });
});

test('a voice that can wait waits while two seconds are queued, and no longer than its segment', async () => {
  const { link, play } = setUp();
  const tts = voice(link);
  link.attachTurn(1).begin('item');
  tts.audio(ramp(0, 20_000));
  let isReady = false;
  expect(tts.ready()).not.toBeNull();
  void tts.ready()?.then(() => {
    isReady = true;
  });
  await Promise.resolve();
  expect(isReady).toBe(false);
  play(4_100);
  await Promise.resolve();
  expect(isReady).toBe(true);
  expect(tts.ready()).toBeNull();
  tts.audio(ramp(0, 20_000));
  const waiting = tts.ready();
  link.flush();
  await waiting;
});

test('whatever breaks and restarts, what is heard is the reply from its start without gap or repetition', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('play' as const), count: fc.integer({ min: 1, max: 40 }) }),
    fc.constantFrom(
      { do: 'pause' as const },
      { do: 'resume' as const },
      { do: 'voice' as const },
      { do: 'playout' as const },
    ),
    fc.record({ do: fc.constant('speak' as const), count: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ do: fc.constant('hold' as const), on: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { link, device } = setUp();
      // Clauses of 10 characters and 50 samples: sample n of the reply has the value n.
      const text = 'abcdefghi '.repeat(6);
      const total = 300;
      let tts = voice(link);
      let spoken = 0;
      const turn = link.attachTurn(1);
      turn.begin('item');
      turn.write(text);
      turn.end();
      let port = link.attachPlayout({ wake: () => port?.pump() });
      const speak = (count: number) => {
        const end = Math.min(total, spoken + count);
        while (spoken < end) {
          const clauseEnd = Math.min(end, (Math.floor(spoken / 50) + 1) * 50);
          tts.audio(ramp(spoken, clauseEnd));
          spoken = clauseEnd;
          if (spoken % 50 === 0) tts.mark((spoken / 50) * 10 - from * 10);
        }
      };
      let from = 0;
      for (const each of steps) {
        if (each.do === 'play') {
          device.play(each.count);
          port.tick();
        } else if (each.do === 'pause') link.pause();
        else if (each.do === 'resume') link.resume();
        else if (each.do === 'hold') link.hold(each.on);
        else if (each.do === 'speak') speak(each.count);
        else if (each.do === 'playout') {
          port = link.attachPlayout({ wake: () => port?.pump() });
          port.pump();
        } else {
          tts = voice(link);
          const asked = tts.asked.slice(1, -1).join('');
          from = (text.length - asked.length) / 10;
          spoken = from * 50;
        }
      }
      link.hold(false);
      link.resume();
      speak(total);
      tts.done();
      device.play(1_000);
      port.tick();
      expect(device.heard).toEqual(ramp(0, total));
      expect(link.isBusy).toBe(false);
    }),
    { numRuns: 300 },
  );
});
