"""What PyTorch copies of a convolution's tensors on a processor: in blocks of channels, or with windows written out."""

from __future__ import annotations

from dataclasses import dataclass

from hubel.arch._cost import Keeps
from hubel.arch._shape import Shape, positions, size


@dataclass(frozen=True, slots=True)
class Widths:
    """Bytes of a number: of a weight, of an activation, of a weight's cast copy (0 where there is none).

    Where there is one, the batch is as wide as weights; layers that multiply work in the activations' width, others in
    that of what they are given. `block` is how many channels lie together where 32 bits are laid out anew, and
    `unfolds` whether convolutions of 16 bits are products of windows that are written out.
    """

    weight: int
    activation: int
    cast: int = 0
    block: int = 16
    unfolds: bool = False


@dataclass(frozen=True, slots=True)
class Copies:
    """Counts them for a batch; `channels_last` is the layout of the pictures themselves."""

    batch: int
    widths: Widths
    channels_last: bool

    def summed(self, keeps: Keeps, input: Shape, output: Shape, kept: bool) -> int:
        """Count the room of 32-bit numbers in which a layer adds up; in the usual layout a convolution has its own."""
        wide = 4 * self.batch
        room = wide * size(input) if keeps.widens == "forward" and self.widths.activation < 4 else 0
        blocks = keeps.copies and kept and not self.channels_last and not self.writes_out(keeps)
        if kept and self._wide(keeps) and (keeps.one_by_one or self._grouped(keeps, input, output)):
            return room + self._in_groups(keeps, input, output)
        if kept and self._wide(keeps):
            made = self._rounded(output, 16)
            given = 0 if self._few(keeps, input) else self._rounded(input, 16)  # which are read as they are
            return room + self.widths.activation * self.batch * max(made, made + given - size(output))
        plain = self.widths.block == 8 and keeps.one_by_one == "backward" and output[-1] == 3  # a photograph, made
        return room + wide * (size(output) if plain else self._in_blocks(output)) * blocks

    def writes_out(self, keeps: Keeps) -> bool:
        """Whether a layer's windows are written out."""
        return self.widths.unfolds and keeps.groups > 0

    def written_out(self, keeps: Keeps, input: Shape, output: Shape, backward: bool = False) -> int:
        """Count a convolution's windows where they are written out. Of several groups one comes after another, of which
        the numbers have copies, too, and what they give stands twice when it is put together.
        """
        if not self.writes_out(keeps):
            return 0
        width, groups = self.widths.activation, keeps.groups
        alone = keeps.one_by_one == "always" or (backward and keeps.one_by_one == "backward")
        windows = keeps.unfolded * width * (1 if alone else self.batch)
        if groups == 1:
            return windows
        given, made = (self.batch * size(shape) * width for shape in (input, output))
        return max(windows + given // groups + (made // groups if backward else 0), given if backward else made)

    def _wide(self, keeps: Keeps) -> bool:
        """Whether a convolution is one as AVX-512 has it, and not dilated."""
        plain = keeps.groups > 0 and keeps.one_by_one != "always"
        return plain and self.widths.block == 16 and not self.widths.unfolds and not self.channels_last

    def _in_groups(self, keeps: Keeps, input: Shape, output: Shape) -> int:
        """Count AVX-512's forward room of several groups, or of a transposed convolution.

        That one makes its output in 32 bits in room of its own where kernels overlap unevenly; else it makes one with
        channels last, of which two copies come after each other, unless there is but one channel.
        """
        width, images, groups = self.widths.activation, self.batch, keeps.groups
        given, made = size(input), size(output)
        if not keeps.one_by_one:
            return width * images * (max(given, made) if self._by_fours(keeps, input, output) else made)
        if groups == input[-1] or positions(output) < 2 * positions(input):  # depthwise, or without strides
            given, made = self._rounded(input, 16), self._rounded(output, 16)
        own = (4 + width) * made + width * given - width * size(output)
        if groups > 1:
            return images * own
        last = width * (size(output) if output[-1] == 1 else max(2 * size(output), size(input)))
        return images * max(last, own if keeps.uneven else 0)

    def _grouped(self, keeps: Keeps, input: Shape, output: Shape) -> bool:
        """Whether there are several groups, other than a channel each of a convolution that is not transposed."""
        return keeps.groups > 1 and (keeps.one_by_one != "" or max(input[-1], output[-1]) > keeps.groups)

    def _by_fours(self, keeps: Keeps, input: Shape, output: Shape) -> bool:
        """Whether each group's channels fill blocks of four; others are read as they are."""
        return not any(shape[-1] // keeps.groups % 4 for shape in (input, output))

    def _few(self, keeps: Keeps, input: Shape) -> bool:
        """Whether so few channels are given that they fill no block; of 1×1 and depthwise ones none are too few."""
        return input[-1] < 16 and keeps.unfolded > 0 and keeps.groups == 1

    def _rounded(self, shape: Shape, block: int) -> int:
        """Count a picture's numbers in blocks of so many channels."""
        return size(shape) // shape[-1] * -(-shape[-1] // block) * block

    def _groups_backward(self, keeps: Keeps, input: Shape, output: Shape, wanted: bool) -> int:
        """Count what AVX-512's backward pass lays out anew of several groups: both where a group's channels fill a
        register's 32 bytes, else the windows of one group in one image, and weights' gradients in four parts.
        """
        width, parted, learned = self.widths.activation, input if keeps.one_by_one else output, 0
        given, made = (width * self.batch * size(shape) for shape in (input, output))
        if not any(shape[-1] // keeps.groups * width % 32 for shape in (input, output)):
            learned = given + made
        elif keeps.unfolded:
            learned = width * keeps.unfolded + 16 * keeps.unfolded // positions(parted) * parted[-1]
        if not wanted:
            return learned
        if self._by_fours(keeps, input, output):
            return max(learned, given, made)
        twice = keeps.skips and (width < 4 or keeps.narrow >= 8)
        return max(learned, (1 + twice) * given, width * keeps.unfolded)

    def _backward(self, keeps: Keeps, input: Shape, output: Shape, wanted: bool, transposed: bool = False) -> int:
        """Count what AVX-512's backward pass lays out anew, beside the input's gradient itself: first both for that,
        and then both for the weights' gradient, of fewer than 16 channels given in blocks of 8, of three none.
        A `transposed` one's input is what another gives: it is told the other way round.
        In 16 bits such are windows written out, one image after another, or the output alone where it fills its blocks;
        others have an image of both turned round. Gradients of weights are summed up in 32 bits, in blocks too.
        """
        width, images = self.widths.activation, self.batch
        few, alone = self._few(keeps, input), keeps.groups > 1
        block = 8 if few and width == 4 and input[-1] > 3 else 16
        given, made = self._rounded(input, block), self._rounded(output, block)
        bytes = width * images * (given + made)
        if few and width == 4 and input[-1] <= 3:
            bytes = width * images * made
        elif few and width < 4:
            bytes = width * (keeps.unfolded if output[-1] % 16 else images * made)
        elif keeps.unfolded and width < 4 and not alone:
            bytes += width * (given + made)
        # in a window, of all channels
        places = keeps.unfolded * output[-1] // size(output) or input[-1] // keeps.groups
        if alone and places > 9:  # depthwise beyond 3×3: products of windows of one channel of one image
            bytes = width * keeps.unfolded
        if (width == 4 or not few) and not alone:
            bytes += 4 * places // input[-1] * -(-input[-1] // 16) * -(-output[-1] // 16) * 256
        if not wanted:
            return bytes
        given, made, asked = self._rounded(input, 16), self._rounded(output, 16), size(input)
        if transposed:
            given, made, asked = made, 0 if few else given, size(output)
        skips = keeps.skips or (alone and keeps.copies and width < 4)
        most = 2 * asked if skips else max(given, given + made - asked)
        later = self.widths.weight * places * output[-1]  # the weights' gradient, which is not there yet
        return max(bytes, width * images * most - later)

    def products(self, keeps: Keeps, input: Shape, output: Shape, wide: bool, wanted: bool) -> tuple[int, int, int]:
        """Count the room of products of which each place has its own: forward, backward, and once that let go of what
        was kept, weights' gradients apart. `wide`: windows are written out in the weights' width, and cast.

        oneDNN's products of 16 bits take copies of windows, and of their outputs' gradients. Windows' gradients are put
        in order and added up, where there are three of them.
        """
        if not keeps.products:
            return 0, 0, 0
        width, images = self.widths.activation, self.batch
        read = self.widths.weight if wide else width
        again = width * images * (width < 4 and not self.widths.unfolds)
        forward = read * images * keeps.products * (read > width) + again * keeps.products
        backward = again and again * (keeps.products + size(output))
        if not wanted:
            return forward, backward, 0
        given = read * images * size(input)
        return forward, backward + width * images * keeps.products - given, 3 * read * images * keeps.products - given

    def _in_blocks(self, shape: Shape) -> int:
        """Count a picture's numbers as oneDNN lays them out: of 32 bits in blocks of channels."""
        return self._rounded(shape, self.widths.block if self.widths.activation == 4 else 1)

    def _read_in_blocks(self, shape: Shape) -> int:
        """Count the same of what is only read: photographs are as they are, and with AVX2 have no copy at all."""
        as_it_is = shape[-1] == 3 if self.widths.block == 8 else shape[-1] <= 3
        return (size(shape) if self.widths.block > 8 else 0) if as_it_is else self._in_blocks(shape)

    def copied(self, keeps: Keeps, input: Shape, output: Shape, wanted: bool, biased: bool) -> int:
        """Count what the backward pass lays out anew, in blocks of channels; groups of less than a register's 32 bytes
        are read as they are.
        """
        if self.writes_out(keeps):
            summed = biased and keeps.one_by_one != "always"
            shifts = 4 * self.batch * size(output) // keeps.groups if summed else 0  # in 32 bits, to be added up
            return max(self.written_out(keeps, input, output, backward=True), shifts)
        if self._wide(keeps) and self._grouped(keeps, input, output):
            return self._groups_backward(keeps, input, output, wanted)
        if self._wide(keeps):
            turned = keeps.one_by_one == "backward"
            return self._backward(keeps, *((output, input) if turned else (input, output)), wanted, turned)
        if not keeps.copies:
            return 0
        width, both = self.widths.activation, not keeps.narrow or keeps.narrow * self.widths.activation >= 32
        given, made = self._read_in_blocks(input) if keeps.unfolded else self._in_blocks(input), self._in_blocks(output)
        if self.widths.block == 8 and keeps.narrow % 8:  # no blocks fit: product after product of windows, in one group
            return width * max(self.batch * size(input) * wanted, keeps.unfolded)
        if self.widths.block == 8 and keeps.one_by_one:
            if keeps.one_by_one == "always":  # dilated, of which the weights' gradient is such a product, too
                return width * max(self.batch * made, keeps.unfolded)
            given, made = self._in_blocks(input), self._read_in_blocks(output)  # transposed: the other way round
        copied = given + made if both else made
        if keeps.skips and wanted and both:
            copied = max(copied, 2 * given)
        return self.batch * width * copied
