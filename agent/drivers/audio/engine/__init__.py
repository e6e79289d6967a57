"""The sound engine: a process of its own that mixes, decodes and feeds the device, without a network.

What a hostile file could do to a decoder it does here, where there is neither a key nor a network; what a hung sound
driver could hang is this process, which the daemon ends and starts anew (`agent.drivers.audio.speaker`).

__main__    the process: its way into the sandbox, and its end
process     commands in, events out; the thread that feeds the device
mixer       pure: voices become blocks of 10 ms
feeds       where voices come from: decoded ahead of need, pushed from outside, received from the network
sentences   pure: where an alarm can be taken up again
rendered    pure: whether what was mixed is what the sources hold
witness     now and then the sources are read anew, and compared with what was mixed
device      one open output of PortAudio
recorder    another output: files, for machines without sound
sandbox     no sockets
wire        what daemon and process say to each other
relay       another process, with a network: receives a station, hands its samples on
"""
