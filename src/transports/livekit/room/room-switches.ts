// What of a call is turned off for a while, by the user or the host.

/** Read for every frame and every word; outlives the connection, so that a room joined anew keeps it. */
export interface RoomSwitches {
  /** False: the agent hears silence in place of the microphone, so that what was being said ends as speech ends. */
  audioInput: boolean;
  /** False: camera and screen are not looked at. */
  videoInput: boolean;
  /** False: the agent's voice is silent; the reply passes at the pace of speech, its words still count as heard. */
  audioOutput: boolean;
  /** False: no transcripts are published. */
  transcription: boolean;
}

export const allOn = (): RoomSwitches => ({
  audioInput: true,
  videoInput: true,
  audioOutput: true,
  transcription: true,
});
