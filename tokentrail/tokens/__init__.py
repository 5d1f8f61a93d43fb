"""Access tokens: keys, minting, validation, the deny-list and revocation commands.

A resource server needs `Validator`, `FixedKeys` or `RemoteKeys`, `DenyList` with `DenyListFeed`, and
`TokenRefusedError`.
"""
