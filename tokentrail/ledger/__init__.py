"""The ledger's writing side: leaves, tree, sealed bodies, appending, proofs and what is built on them."""
