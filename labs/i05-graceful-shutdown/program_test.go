package shutdown_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/proc"
	shutdown "github.com/backend-labs/backend-labs/labs/i05-graceful-shutdown"
)

// These checks run the program as a process of its own, in real time: what only a process has,
// signals and an exit code, is what they are about.
func init() {
	proc.Handle("server", shutdown.Program)
	proc.Handle("slow to close", func() int {
		return serve(nil, func(ctx context.Context) error {
			fmt.Println("closing")
			<-ctx.Done()
			return nil
		})
	})
	proc.Handle("fails to close", func() int {
		return serve(nil, func(context.Context) error { return errDatabase })
	})
	proc.Handle("fails to accept", func() int { return serve(errBroken) })
}

// serve is a program whose listener fails at once with this error, if there is one.
func serve(broken error, closers ...func(context.Context) error) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return 0
	}
	if broken != nil {
		ln = refusing{ln, broken}
	}
	fmt.Println("listening on", ln.Addr())
	fast := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return shutdown.Serve(ln, fast, shutdown.Options{DrainDelay: 50 * time.Millisecond, Timeout: 30 * time.Second,
		Closers: closers})
}

// refusing takes no connection.
type refusing struct {
	net.Listener
	err error
}

func (r refusing) Accept() (net.Conn, error) { return nil, r.err }

// patience is for what takes less than a second on an idle machine.
const patience = 8 * time.Second

func TestTheProgramAnswersBeforeItExits(t *testing.T) {
	answersBeforeItExits(t, syscall.SIGTERM, "SIGTERM",
		"every deploy sends SIGTERM. If requests die with it, every deploy costs some users "+
			"their payment")
}

func TestCtrlCIsASignalToLeaveToo(t *testing.T) {
	answersBeforeItExits(t, os.Interrupt, "SIGINT (Ctrl-C)",
		"a program that leaves in order in production, but not on its developers' machines, is "+
			"tried by nobody before it matters")
}

func answersBeforeItExits(t *testing.T, sig os.Signal, name, why string) {
	t.Helper()
	p := startProgram(t)
	slow := p.ask("/slow")
	p.WaitLine("serving /slow")
	p.Signal(sig)
	did := fmt.Sprintf("started the program, sent a request of 400 ms, and %s as soon as the "+
		"program had begun to serve it", name)
	got := <-slow
	if !got.ok("ok\n") {
		expect.Fatal(t, expect.Message{
			Did:  did,
			Want: `200 "ok"`,
			Got:  got.String() + "; " + p.fate(),
			Why:  why,
		})
	}
	exit, ended := p.Wait(patience)
	if !ended || exit.Code != 0 {
		expect.Fatal(t, expect.Message{
			Did:  did,
			Want: "the program exits with code 0 after it has answered",
			Got:  p.fate(),
			Why: "a platform takes any other exit for a crash, and starts the program again or " +
				"rolls the deploy back",
		})
	}
}

func TestASecondSignalEndsTheProgramAtOnce(t *testing.T) {
	for _, c := range []struct {
		second syscall.Signal
		name   string
		phase  string
		env    []string
		// whether the phase has begun, by the status of /ready; 0: no connection
		began func(status int) bool
	}{
		{
			syscall.SIGTERM, "SIGTERM", "was draining (DRAIN_DELAY is 30 s)",
			[]string{"DRAIN_DELAY=30s", "TIMEOUT=30s"}, func(status int) bool { return status != 200 },
		},
		{
			syscall.SIGINT, "SIGINT (Ctrl-C)",
			"waited for the request (DRAIN_DELAY is 1 ms, TIMEOUT 30 s)",
			[]string{"DRAIN_DELAY=1ms", "TIMEOUT=30s"}, func(status int) bool { return status == 0 },
		},
	} {
		p := startProgram(t, c.env...)
		p.ask("/stuck")
		p.WaitLine("serving /stuck")
		p.Signal(syscall.SIGTERM)
		did := "started the program, sent a request that never ends, then SIGTERM, and as the " +
			"second signal " + c.name + " while the program " + c.phase
		// Two signals that follow each other too closely arrive as one. That /ready tells the first
		// one apart is another check's business: after 2 s it has arrived anyhow.
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end) &&
			!c.began((<-p.ask("/ready")).status); {
			time.Sleep(time.Millisecond)
		}
		exit, ended := p.Wait(50 * time.Millisecond)
		expect.That(t, !ended, expect.Message{
			Did:  did,
			Want: "the first SIGTERM does not end it: a request is in flight",
			Got:  fmt.Sprintf("it had ended before the second one was sent (%s)", exit.Status),
			Why:  "a request in flight is to be answered, and this one has 30 s for that",
		})
		sent := time.Now()
		p.Signal(c.second)
		exit, ended = p.Wait(5 * time.Second)
		message := expect.Message{
			Did: did,
			Want: "it ends within 1 s of the second one, with an exit code other than 0, or " +
				"killed by the signal",
			Got: fmt.Sprintf("it ended %v after the second one (%s)",
				exit.At.Sub(sent).Round(time.Millisecond), exit.Status),
			Why: "whoever presses Ctrl-C twice means it, and does not want to look for kill -9 " +
				"first. And what was cut short must not look like success",
		}
		if !ended {
			message.Got = "5 s after the second one it was still running"
		}
		const late = 2 * time.Second // a second more than it has, for a busy machine
		expect.That(t, ended && exit.At.Sub(sent) < late && exit.Code != 0, message)
	}
	secondWhileClosing(t)
}

// secondWhileClosing sends the second signal when no request is running any more.
func secondWhileClosing(t *testing.T) {
	t.Helper()
	p := startAs(t, "slow to close")
	p.Signal(syscall.SIGTERM)
	exit, ended := p.Wait(0)
	for end := time.Now().Add(patience); time.Now().Before(end) && !ended && !strings.Contains(p.Output(), "closing"); {
		exit, ended = p.Wait(5 * time.Millisecond)
	}
	if !ended {
		exit, ended = p.Wait(50 * time.Millisecond)
	}
	expect.That(t, !ended, expect.Message{
		Did:  "started a program with a closer that takes 30 s, and sent SIGTERM",
		Want: "it does not end while the closer is running",
		Got:  fmt.Sprintf("it had ended (%s)", exit.Status),
		Why:  "what the closer writes is lost if the program does not wait for it",
	})
	sent := time.Now()
	p.Signal(syscall.SIGTERM)
	exit, ended = p.Wait(5 * time.Second)
	message := expect.Message{
		Did: "started a program with a closer that takes 30 s, sent SIGTERM, and a second SIGTERM when the closer was " +
			"running",
		Want: "it ends within 1 s of the second one, with an exit code other than 0, or killed by the signal",
		Got: fmt.Sprintf("it ended %v after the second one (%s)", exit.At.Sub(sent).Round(time.Millisecond),
			exit.Status),
		Why: "closers hang more often than requests: they wait for what other services do, which may be leaving, too",
	}
	if !ended {
		message.Got = "5 s after the second one it was still running"
	}
	const late = 2 * time.Second // a second more than it has, for a busy machine
	expect.That(t, ended && exit.At.Sub(sent) < late && exit.Code != 0, message)
}

func TestTheExitCodeTellsWhatFailed(t *testing.T) {
	p := startAs(t, "fails to close")
	p.Signal(syscall.SIGTERM)
	exit, ended := p.Wait(patience)
	expect.That(t, ended && exit.Code > 0, expect.Message{
		Did:  "started a program whose closer fails, and sent SIGTERM",
		Want: "it exits with a code other than 0: Run has returned an error",
		Got:  p.fate(),
		Why:  "what could not be closed may be data that was not written, and the exit code is all that is seen of it",
	})
	p = program{Proc: proc.Start(t, "fails to accept", proc.Options{})}
	exit, ended = p.Wait(patience)
	expect.That(t, ended && exit.Code > 0, expect.Message{
		Did:  "started a program whose listener fails at once, and sent no signal",
		Want: "it exits with a code other than 0: Run has returned an error",
		Got:  p.fate(),
		Why:  "0 says that everything was done; a platform may then not start the program again",
	})
}

func TestTheExitCodeTellsThatRequestsWereCutOff(t *testing.T) {
	p := startProgram(t, "DRAIN_DELAY=1ms", "TIMEOUT=300ms")
	p.ask("/stuck")
	p.WaitLine("serving /stuck")
	p.Signal(syscall.SIGTERM)
	exit, ended := p.Wait(patience)
	if !ended || exit.Code <= 0 {
		expect.Fatal(t, expect.Message{
			Did: "started the program, sent a request that never ends, and SIGTERM; TIMEOUT is " +
				"300 ms",
			Want: "it cuts the request off after 300 ms and exits with a code other than 0",
			Got:  p.fate(),
			Why: "who runs the program sees its exit code and nothing else: 0 says that nobody " +
				"lost anything",
		})
	}
}

// program is the lab's program as a child process.
type program struct {
	*proc.Proc
	url string
}

// startProgram starts the program and makes sure that it serves.
func startProgram(t *testing.T, env ...string) program {
	t.Helper()
	return startAs(t, "server", append(env, "ADDR=127.0.0.1:0")...)
}

// startAs starts one of the programs and makes sure that it serves.
func startAs(t *testing.T, name string, env ...string) program {
	t.Helper()
	p := program{Proc: proc.Start(t, name, proc.Options{Env: env})}
	p.url = "http://" + p.WaitLine("listening on ")
	got := <-p.ask("/fast")
	if !got.ok("ok\n") {
		expect.Fatal(t, expect.Message{
			Did:  "started the program and sent it a request",
			Want: `200 "ok"`,
			Got:  got.String() + "; " + p.fate(),
		})
	}
	return p
}

// ask sends a request over a connection of its own and does not wait for the answer.
func (p program) ask(path string) <-chan reply {
	got := make(chan reply, 1)
	go func() {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true},
			Timeout: time.Minute}
		res, err := client.Get(p.url + path)
		if err != nil {
			got <- reply{err: err}
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		got <- reply{status: res.StatusCode, body: string(body), close: res.Close, err: err}
	}()
	return got
}

// fate says what has become of the program, for a message.
func (p program) fate() string {
	exit, ended := p.Wait(time.Second)
	if !ended {
		return "the program is still running"
	}
	return fmt.Sprintf("the program ended: %s. %s", exit.Status, p.Output())
}
