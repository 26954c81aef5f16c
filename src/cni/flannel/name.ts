/** Who says these steps. */
export const by = 'cni/flannel'
