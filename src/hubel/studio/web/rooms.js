// The rooms, in order. A room is a module that exports one of these, and its row here.
//
// name: in the address (room=NAME). title: in the bar. server: whether it needs the studio's server, so that the static
// site leaves it out. open(place): builds the room once, in an element of its own; what it gives may have shown(values),
// called with the address's values whenever the room comes into sight or the address is changed by hand.

import { convolve } from "hubel/studio/convolve/room";
import { course } from "hubel/studio/course/room";
import { design } from "hubel/studio/design/room";
import { learn } from "hubel/studio/learn/room";
import { look } from "hubel/studio/look/room";
import { train } from "hubel/studio/train/room";

export const ROOMS = [
  design,
  convolve,
  learn,
  course,
  train,
  look,
];
