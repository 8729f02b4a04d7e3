package keys

type Store struct{ Dir string }
