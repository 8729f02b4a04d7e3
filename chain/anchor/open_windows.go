package anchor

const openNonBlock, openNoFollow = 0, 0
