package anchor

const openNonBlock = 0
