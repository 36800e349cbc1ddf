// Unpacks images as container runtimes do, and says which files a process in the container would see.
//
//	unpackers FOLDER
//
// FOLDER/CASE/0.tar, 1.tar, … are the layers of one image from the base upwards. For each case and each view one line of
// JSON goes to standard output: {"case", "view", "error" or "files"}, where files are all paths that lead to a regular
// file, with its content. Views:
//
//	containerd, docker, podman   each layer unpacked into a folder of its own, as the engine does for overlay file
//	                             systems; the folders mounted over each other by the kernel
//	rootless                     containerd in a user namespace, which cannot make devices and skips them
//	sequential                   one layer after the other in one folder, by the OCI specification, as containerd does
//	                             for file systems without overlays
//
// Needs to be root, since it mounts. Logs go nowhere: a refused image is a line like any other.
package main

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	containerd "github.com/containerd/containerd/v2/pkg/archive"
	"github.com/containerd/log"
	docker "github.com/moby/go-archive"
	"github.com/sirupsen/logrus"
	podman "go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

type unpack func(layer io.Reader, folder string) error

func overlay(options ...containerd.ApplyOpt) unpack {
	options = append(options, containerd.WithConvertWhiteout(containerd.OverlayConvertWhiteout))
	return func(layer io.Reader, folder string) error {
		_, err := containerd.Apply(context.Background(), folder, layer, options...)
		return err
	}
}

var views = []struct {
	name   string
	unpack unpack
}{
	{"containerd", overlay()},
	{"docker", func(layer io.Reader, folder string) error {
		return docker.Unpack(layer, folder, &docker.TarOptions{WhiteoutFormat: docker.OverlayWhiteoutFormat})
	}},
	{"podman", func(layer io.Reader, folder string) error {
		return podman.Unpack(layer, folder, &podman.TarOptions{WhiteoutFormat: podman.OverlayWhiteoutFormat})
	}},
	{"rootless", overlay(containerd.WithFilter(func(header *tar.Header) (bool, error) {
		return header.Typeflag != tar.TypeChar && header.Typeflag != tar.TypeBlock, nil
	}))},
	{"sequential", nil},
}

type line struct {
	Case  string            `json:"case"`
	View  string            `json:"view"`
	Error string            `json:"error,omitempty"`
	Files map[string]string `json:"files,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("usage: unpackers FOLDER")
	}
	log.L.Logger.SetOutput(io.Discard)
	logrus.SetOutput(io.Discard)
	unix.Umask(0)
	// Mounts of this process are nobody else's, and are gone with it.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	scratch, err := os.MkdirTemp("", "unpackers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := unix.Mount("tmpfs", scratch, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	defer unix.Unmount(scratch, unix.MNT_DETACH)

	cases, err := os.ReadDir(arguments[0])
	if err != nil {
		return err
	}
	output := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(output)
	for _, entry := range cases {
		layers, err := filepath.Glob(filepath.Join(arguments[0], entry.Name(), "*.tar"))
		if err != nil {
			return err
		}
		slices.SortFunc(layers, func(one, two string) int { return number(one) - number(two) })
		for _, view := range views {
			line := line{Case: entry.Name(), View: view.name}
			line.Files, err = see(layers, filepath.Join(scratch, "image"), view.unpack)
			if err != nil {
				line.Error = err.Error()
			}
			if err := encoder.Encode(line); err != nil {
				return err
			}
		}
	}
	return output.Flush()
}

func number(path string) int {
	number, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".tar"))
	return number
}

// see gives the files of an image. Without a way to unpack for overlays, the layers are unpacked into one folder.
func see(layers []string, scratch string, unpack unpack) (map[string]string, error) {
	defer os.RemoveAll(scratch)
	// The empty folder on top is where a container would write.
	folders := []string{filepath.Join(scratch, "top")}
	if unpack == nil {
		unpack = func(layer io.Reader, folder string) error {
			_, err := containerd.Apply(context.Background(), folder, layer)
			return err
		}
		for range layers {
			folders = append(folders, filepath.Join(scratch, "all"))
		}
	} else {
		for index := range layers {
			folders = append(folders, filepath.Join(scratch, strconv.Itoa(index)))
		}
	}
	for _, folder := range append(folders, filepath.Join(scratch, "merged")) {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	for index, layer := range layers {
		file, err := os.Open(layer)
		if err != nil {
			return nil, err
		}
		err = unpack(file, folders[index+1])
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", index, err)
		}
	}
	merged := filepath.Join(scratch, "merged")
	lower := slices.Compact(folders)
	slices.Reverse(lower[1:])
	options := "lowerdir=" + strings.Join(lower, ":")
	if err := unix.Mount("overlay", merged, "overlay", unix.MS_RDONLY, options); err != nil {
		return nil, fmt.Errorf("mounting: %w", err)
	}
	defer unix.Unmount(merged, 0)
	files := map[string]string{}
	return files, list(merged, "", files)
}

func list(root, folder string, files map[string]string) error {
	entries, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		switch {
		case entry.IsDir():
			if err := list(root, path, files); err != nil {
				return err
			}
		case entry.Type()&(os.ModeDevice|os.ModeNamedPipe|os.ModeSocket) == 0:
			if content, ok := read(root, path); ok {
				files[path] = content
			}
		}
	}
	return nil
}

// read gives the file at path as a process that lives in root reads it.
func read(root, path string) (string, bool) {
	left, real, links := strings.Split(path, "/"), []string{}, 0
	for len(left) > 0 {
		name := left[0]
		left = left[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			real = real[:max(len(real)-1, 0)]
			continue
		}
		real = append(real, name)
		here := filepath.Join(root, filepath.Join(real...))
		info, err := os.Lstat(here)
		if err != nil {
			return "", false
		}
		switch {
		case info.Mode()&os.ModeSymlink != 0:
			if links++; links > 40 {
				return "", false
			}
			target, err := os.Readlink(here)
			if err != nil {
				return "", false
			}
			if strings.HasPrefix(target, "/") {
				real = []string{}
			} else {
				real = real[:len(real)-1]
			}
			left = append(strings.Split(target, "/"), left...)
		case info.Mode().IsRegular():
			// Behind a file nothing but nothing.
			if slices.ContainsFunc(left, func(name string) bool { return name != "" && name != "." }) {
				return "", false
			}
			content, err := os.ReadFile(here)
			return string(content), err == nil
		case !info.IsDir():
			return "", false
		}
	}
	return "", false
}
