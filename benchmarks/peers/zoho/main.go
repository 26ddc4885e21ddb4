// Command zoho answers in Zoho's place, at little cost and after a fixed latency: an access token, and of each job a
// report whose counts move with every poll. A gate holds answers back, and what was asked is counted; both are reached on
// a port of their own.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const most = 1_000_000

type stats struct {
	Polls       int `json:"polls"`
	Waiting     int `json:"waiting"`
	MostAtOnce  int `json:"most_at_once"`
	Connections int `json:"connections"`
	Tokens      int `json:"tokens"`
}

type zoho struct {
	latency time.Duration
	url     string
	lock    sync.Mutex
	gate    *sync.Cond
	closed  bool
	polls   map[string]int
	// The connections that a poll came on.
	used  map[net.Conn]bool
	count stats
}

type connectionKey struct{}

func main() {
	latency := flag.Duration("latency", 0, "how long each answer takes")
	certificate := flag.String("certificate", "", "speak TLS, and write the certificate to this file")
	flag.Parse()
	made := &zoho{latency: *latency, polls: map[string]int{}, used: map[net.Conn]bool{}}
	made.gate = sync.NewCond(&made.lock)
	api, control := listen(), listen()
	made.url = "http://" + api.Addr().String()
	server := &http.Server{Handler: made.api(), ConnContext: func(ctx context.Context, connection net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, connection)
	}}
	if *certificate != "" {
		made.url = "https://" + api.Addr().String()
		pair := newPair(*certificate)
		// Zoho speaks HTTP/1.1 to whoever asks for nothing else, and so do we.
		api = tls.NewListener(api, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}})
	}
	go func() { log.Fatal(http.Serve(control, made.control())) }()
	fmt.Printf("%s http://%s\n", made.url, control.Addr())
	log.Fatal(server.Serve(api))
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func (z *zoho) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/v2/token", func(answer http.ResponseWriter, _ *http.Request) {
		time.Sleep(z.latency)
		z.lock.Lock()
		z.count.Tokens++
		number := z.count.Tokens
		z.lock.Unlock()
		write(answer, map[string]any{
			"access_token": fmt.Sprintf("1000.%064d", number), "api_domain": z.url, "token_type": "Bearer", "expires_in": 3600,
		})
	})
	mux.HandleFunc("GET /crm/{version}/{module}/actions/mass_update", z.poll)
	return mux
}

func (z *zoho) poll(answer http.ResponseWriter, request *http.Request) {
	z.enter(request.Context().Value(connectionKey{}).(net.Conn))
	time.Sleep(z.latency)
	job := request.FormValue("job_id")
	write(answer, map[string]any{"data": []any{z.report(job)}})
}

func (z *zoho) enter(connection net.Conn) {
	z.lock.Lock()
	defer z.lock.Unlock()
	z.count.Waiting++
	z.count.MostAtOnce = max(z.count.MostAtOnce, z.count.Waiting)
	if !z.used[connection] {
		z.used[connection] = true
		z.count.Connections++
	}
	for z.closed {
		z.gate.Wait()
	}
}

// Jobs whose id ends in 9 are scheduled, all others run, and none comes to its end; see benchmarks/rig/jobs.py.
func (z *zoho) report(job string) map[string]any {
	z.lock.Lock()
	defer z.lock.Unlock()
	z.count.Waiting--
	z.count.Polls++
	z.polls[job]++
	hash := fnv.New32a()
	hash.Write([]byte(job))
	total, moved := most+int(hash.Sum32()%most), z.polls[job]*int(1+hash.Sum32()%97)
	if job[len(job)-1] == '9' {
		return counts("SCHEDULED", 0, total+moved)
	}
	return counts("RUNNING", total/3+moved, total)
}

func counts(status string, updated, all int) map[string]any {
	return map[string]any{
		"Status": status, "Failed_Count": 0, "Updated_Count": updated, "Not_Updated_Count": all - updated, "Total_Count": all,
	}
}

func (z *zoho) control() http.Handler {
	mux := http.NewServeMux()
	for path, closed := range map[string]bool{"POST /close": true, "POST /open": false} {
		mux.HandleFunc(path, func(http.ResponseWriter, *http.Request) {
			z.lock.Lock()
			defer z.lock.Unlock()
			z.closed = closed
			z.gate.Broadcast()
		})
	}
	mux.HandleFunc("GET /stats", func(answer http.ResponseWriter, _ *http.Request) {
		z.lock.Lock()
		defer z.lock.Unlock()
		write(answer, z.count)
	})
	return mux
}

func write(answer http.ResponseWriter, document any) {
	answer.Header().Set("Content-Type", "application/json;charset=UTF-8")
	if err := json.NewEncoder(answer).Encode(document); err != nil {
		log.Print(err)
	}
}

// newPair makes a certificate for loopback that vouches for itself, and writes it where its client may read it.
func newPair(path string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	content, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: content})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{content}, PrivateKey: key}
}
