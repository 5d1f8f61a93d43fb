// Opens a token of ours with go-jose: gojose JWKS_FILE KEY_PEM < token. Prints the claims.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	var keys jose.JSONWebKeySet
	must(0, json.Unmarshal(must(os.ReadFile(os.Args[1])), &keys))
	block, _ := pem.Decode(must(os.ReadFile(os.Args[2])))
	private := must(x509.ParsePKCS8PrivateKey(block.Bytes))
	// Its jwt package takes no asymmetric encryption, so the two layers are opened one by one.
	outer := must(jose.ParseEncryptedCompact(string(must(io.ReadAll(os.Stdin))),
		[]jose.KeyAlgorithm{jose.RSA_OAEP}, []jose.ContentEncryption{jose.A256CBC_HS512}))
	nested := must(jwt.ParseSigned(string(must(outer.Decrypt(private))), []jose.SignatureAlgorithm{jose.RS256}))
	claims := map[string]any{}
	must(0, nested.Claims(keys.Key(nested.Headers[0].KeyID)[0].Key, &claims))
	must(0, json.NewEncoder(os.Stdout).Encode(claims))
}
