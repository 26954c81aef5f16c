/** The rules on marked packets that iptables mode and IPVS mode have in common, as kube-proxy words them. */

/** Bit 14 (--iptables-masquerade-bit), printed as kube-proxy does; iptables shows it as 0x4000. */
const MARK = '0x00004000'

export const MARK_RULES = [`-j MARK --or-mark ${MARK}`]

export const FORWARD_RULES = [
  `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${MARK}/${MARK} -j ACCEPT`,
  '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
]

/** The mark is cleared so that a packet which passes through here again is not masqueraded again. */
export const POSTROUTING_RULES = [
  `-m mark ! --mark ${MARK}/${MARK} -j RETURN`,
  `-j MARK --xor-mark ${MARK}`,
  '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
]
