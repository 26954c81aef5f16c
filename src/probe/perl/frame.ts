/** Sends one Ethernet frame of the local experimental type out of a device: the mark a capture must see to be believed. Task: `dev NAME` `send TEXT`. */
import { COMMON } from './common.ts'

/** IEEE 802 local experimental Ethertype 1. */
export const MARK_TYPE = 0x88b5

export const FRAME = `${COMMON}${String.raw`
my ($dev, $send) = ('', '');
for (task()) { my ($word, @rest) = @$_; $dev = $rest[0] if $word eq 'dev'; $send = "@rest" if $word eq 'send' }
socket(my $s, 17, SOCK_RAW, 0) or die "packet socket: $!";
my $request = pack 'a16 x24', $dev;
ioctl($s, 0x8933, $request) or die "no device $dev: $!"; my $index = unpack 'x16 i', $request;
my $frame = pack('H12 H12 n a*', '020000000001', '020000000002', 0x88b5, $send); $frame .= "\0" x (60 - length $frame) if length $frame < 60;
defined send($s, $frame, 0, pack('S n i S C C a8', 17, 0x88b5, $index, 1, 0, 6, pack('H12', '020000000001'))) or die "send: $!";
say_json(sent => $send);
`}`
