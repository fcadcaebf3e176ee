// The few WASI calls a command line program compiled to wasm needs, over memory: no files, no clock, no environment.

/** What one run of the program left behind. */
export interface WasiRun {
  readonly exitCode: number;
  /** Everything written to standard output. */
  readonly stdout: string;
  /** Everything written to standard error. */
  readonly stderr: string;
  /** Files the program wrote, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

class Exit {
  readonly code: number;
  constructor(code: number) {
    this.code = code;
  }
}

/** Bytes that grow by doubling; a WAV header is patched by seeking back, so writes go to a position. */
class MemoryFile {
  #bytes = new Uint8Array(4096);
  #length = 0;
  #position = 0;

  write(piece: Uint8Array): void {
    const end = this.#position + piece.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#position);
    this.#position = end;
    this.#length = Math.max(this.#length, end);
  }

  seek(offset: number, whence: number): number {
    this.#position = offset + (whence === 0 ? 0 : whence === 1 ? this.#position : this.#length);
    return this.#position;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

// Numbers of the WASI preview 1 specification.
const OK = 0;
const BADF = 8;
const NOENT = 44;
const ROOT_FD = 3;
const FIRST_FILE_FD = 4;
const CHARACTER_DEVICE = 2;
const DIRECTORY = 3;
const REGULAR_FILE = 4;
const CREATE = 1;

/**
 * Runs `module` once with `args` in a fresh instance and returns what it wrote. Each run has its own memory, so nothing
 * leaks from one text to the next and a trap spoils nothing but its own run.
 * @throws WebAssembly.RuntimeError when the program traps
 */
export function runWasi(module: WebAssembly.Module, args: readonly string[]): WasiRun {
  const argBytes = args.map((arg) => new TextEncoder().encode(`${arg}\0`));
  const outputs = new Map<number, MemoryFile>([
    [1, new MemoryFile()],
    [2, new MemoryFile()],
  ]);
  const names = new Map<string, number>();
  // wasm memory moves when it grows, so every call takes a fresh view of it.
  let memory = new WebAssembly.Memory({ initial: 0 });
  const view = () => new DataView(memory.buffer);
  const u8 = (at: number, length: number) => new Uint8Array(memory.buffer, at, length);

  const calls = {
    args_sizes_get(countAt: number, sizeAt: number): number {
      view().setUint32(countAt, argBytes.length, true);
      view().setUint32(
        sizeAt,
        argBytes.reduce((sum, bytes) => sum + bytes.length, 0),
        true,
      );
      return OK;
    },
    args_get(pointersAt: number, bytesAt: number): number {
      let at = bytesAt;
      argBytes.forEach((bytes, i) => {
        view().setUint32(pointersAt + 4 * i, at, true);
        u8(at, bytes.length).set(bytes);
        at += bytes.length;
      });
      return OK;
    },
    clock_time_get(_clock: number, _precision: bigint, timeAt: number): number {
      view().setBigUint64(timeAt, 0n, true);
      return OK;
    },
    fd_close: () => OK,
    fd_fdstat_get(fd: number, statAt: number): number {
      u8(statAt, 24).fill(0);
      view().setUint8(statAt, fd === ROOT_FD ? DIRECTORY : fd < ROOT_FD ? CHARACTER_DEVICE : REGULAR_FILE);
      view().setBigUint64(statAt + 8, 0xffffffffn, true); // all rights, for the descriptor
      view().setBigUint64(statAt + 16, 0xffffffffn, true); // and for what is opened below it
      return OK;
    },
    fd_fdstat_set_flags: () => OK,
    fd_prestat_get(fd: number, statAt: number): number {
      if (fd !== ROOT_FD) return BADF;
      view().setUint32(statAt, 0, true);
      view().setUint32(statAt + 4, 1, true);
      return OK;
    },
    fd_prestat_dir_name(_fd: number, nameAt: number): number {
      u8(nameAt, 1)[0] = 0x2f;
      return OK;
    },
    fd_read(_fd: number, _vectors: number, _count: number, readAt: number): number {
      view().setUint32(readAt, 0, true);
      return OK;
    },
    fd_seek(fd: number, offset: bigint, whence: number, positionAt: number): number {
      const file = outputs.get(fd);
      if (file === undefined || fd < FIRST_FILE_FD) return BADF;
      view().setBigUint64(positionAt, BigInt(file.seek(Number(offset), whence)), true);
      return OK;
    },
    fd_write(fd: number, vectors: number, count: number, writtenAt: number): number {
      const file = outputs.get(fd);
      if (file === undefined) return BADF;
      let written = 0;
      for (let i = 0; i < count; i++) {
        const at = view().getUint32(vectors + 8 * i, true);
        const length = view().getUint32(vectors + 8 * i + 4, true);
        file.write(u8(at, length));
        written += length;
      }
      view().setUint32(writtenAt, written, true);
      return OK;
    },
    path_open(
      _dir: number,
      _lookup: number,
      nameAt: number,
      nameLength: number,
      openFlags: number,
      _rights: bigint,
      _inheriting: bigint,
      _fdFlags: number,
      fdAt: number,
    ): number {
      if ((openFlags & CREATE) === 0) return NOENT; // there is nothing to read
      const fd = FIRST_FILE_FD + names.size;
      names.set(new TextDecoder().decode(u8(nameAt, nameLength)), fd);
      outputs.set(fd, new MemoryFile());
      view().setUint32(fdAt, fd, true);
      return OK;
    },
    proc_exit(code: number): never {
      throw new Exit(code);
    },
  };

  const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: calls });
  memory = exports.memory as WebAssembly.Memory; // every WASI command exports its memory and _start
  let exitCode = 0;
  try {
    (exports._start as () => void)(); // see above
  } catch (thrown) {
    if (!(thrown instanceof Exit)) throw thrown;
    exitCode = thrown.code;
  }
  const textOf = (fd: number) => new TextDecoder().decode(outputs.get(fd)?.bytes());
  const files = new Map([...names].map(([name, fd]) => [name, outputs.get(fd)?.bytes() ?? new Uint8Array()]));
  return { exitCode, stdout: textOf(1), stderr: textOf(2), files };
}
