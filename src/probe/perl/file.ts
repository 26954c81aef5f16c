/** A file's bytes as text. Task: `path PATH`. */
import { COMMON } from './common.ts'

export const FILE = `${COMMON}
my ($path) = map { substr "@$_", 5 } grep { $$_[0] eq 'path' } task();
unless (open my $f, '<', $path) { say_json(outcome => $!{ENOENT} || $!{ENOTDIR} ? 'absent' : 'error', errno => errname($!)); exit 0 }
else { local $/; say_json(outcome => 'file', text => scalar <$f>) }
`
