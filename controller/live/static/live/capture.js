/* Gathers what the microphone hears into frames (in the audio thread, which must never wait). */

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { samples } }) {
    super();
    this.frame = new Float32Array(samples);
    this.filled = 0;
  }

  process([[channel]]) {
    let taken = 0;
    while (channel && taken < channel.length) {
      const count = Math.min(channel.length - taken, this.frame.length - this.filled);
      this.frame.set(channel.subarray(taken, taken + count), this.filled);
      taken += count;
      this.filled += count;
      if (this.filled === this.frame.length) {
        this.port.postMessage(this.frame, [this.frame.buffer]);
        this.frame = new Float32Array(this.filled);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
