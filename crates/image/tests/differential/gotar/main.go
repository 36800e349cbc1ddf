// Lists every tar in a folder as Go's archive/tar reads it, one line per entry; see peers.rs for the columns.
// Container runtimes unpack with this package.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

var kinds = map[byte]string{
	tar.TypeReg: "file", tar.TypeCont: "file", tar.TypeGNUSparse: "file",
	tar.TypeSymlink: "symlink", tar.TypeLink: "hardlink", tar.TypeDir: "directory",
}

func list(name string, archive []byte) error {
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeXGlobalHeader {
			continue // runtimes pass over it
		}
		kind, link, content := kinds[header.Typeflag], "", []byte{}
		switch kind {
		case "":
			kind = "other"
		case "symlink", "hardlink":
			link = header.Linkname
		case "file":
			if header.Size > 1<<20 {
				return fmt.Errorf("%d bytes are too many for this comparison", header.Size)
			}
			if content, err = io.ReadAll(reader); err != nil {
				return err
			}
		}
		head := content[:min(16, len(content))]
		fmt.Printf("%s\t%s\t%d\t%x\t=%x\t=%x\t=%x\n", name, kind, len(content), sha256.Sum256(content), head, header.Name, link)
	}
}

func main() {
	entries, err := os.ReadDir(os.Args[1])
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		archive, err := os.ReadFile(filepath.Join(os.Args[1], entry.Name()))
		if err != nil {
			panic(err)
		}
		if err := list(entry.Name(), archive); err != nil {
			fmt.Printf("%s\terror\t%q\n", entry.Name(), err.Error())
		}
	}
}
